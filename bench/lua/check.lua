-- One limit check a request, over ORGS orgs.
local orgs, keys = tonumber(os.getenv("ORGS")), {}
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = line end
function request()
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. keys[math.random(1, orgs)] }
  return wrk.format("POST", "/api/v1/usage/check", headers, '{"meter":"bench","quantity":1}')
end
