-- One call to TARGET per request, with the body of a limit check, over ORGS orgs. Requests are built once, so that the generator costs nothing.
local orgs, keys, ready = tonumber(os.getenv("ORGS")), {}, {}
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = line end
function init()
  for n = 1, orgs do
    local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. keys[n] }
    ready[n] = wrk.format("POST", os.getenv("TARGET"), headers, '{"meter":"bench","quantity":1}')
  end
end
function request() return ready[math.random(1, orgs)] end
