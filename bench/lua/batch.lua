-- A thousand events per request, 2 % of them duplicates, from one of four orgs at random.
local keys = {}
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = line end
function setup(thread) thread:set("seed", 1) end
function init() math.randomseed(os.time() * 1000 + seed * 7919) end
local function id()
  local r = math.random
  return string.format("%08x-%04x-4%03x-8%03x-%06x%06x", r(0, 0x7fffffff), r(0, 65535), r(0, 4095), r(0, 4095), r(0, 0xffffff), r(0, 0xffffff))
end
function request()
  local events, last = {}, id()
  for i = 1, 1000 do
    if i % 50 ~= 0 then last = id() end
    events[i] = string.format('{"id":"%s","meter":"bench","quantity":1,"kind":"scan","provider":"acme"}', last)
  end
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. keys[math.random(1, 4)] }
  return wrk.format("POST", "/api/v1/usage/events", headers, '{"events":[' .. table.concat(events, ",") .. "]}")
end
