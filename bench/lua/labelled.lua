-- A thousand events per request from one of ORGS orgs at random: three kinds and providers, ten endpoints, fifty users.
local orgs, keys = tonumber(os.getenv("ORGS")), {}
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = line end
function setup(thread) thread:set("seed", 1) end
function init() math.randomseed(os.time() * 1000 + seed * 7919) end
function request()
  local r, events = math.random, {}
  for i = 1, 1000 do
    events[i] = string.format('{"id":"%08x-%04x-4%03x-8%03x-%06x%06x","meter":"bench","quantity":1,"kind":"scan-%d","provider":"acme-%d","endpoint":"/v1/scans/%d","user":"user-%d"}',
      r(0, 0x7fffffff), r(0, 65535), r(0, 4095), r(0, 4095), r(0, 0xffffff), r(0, 0xffffff), r(3), r(3), r(10), r(50))
  end
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. keys[r(1, orgs)] }
  return wrk.format("POST", "/api/v1/usage/events", headers, '{"events":[' .. table.concat(events, ",") .. "]}")
end
