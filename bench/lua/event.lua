-- One event with a new id per request, from one of ORGS orgs at random, with their own keys (file KEYS).
local orgs, keys, threads = tonumber(os.getenv("ORGS")), {}, 0
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = line end
function setup(thread) threads = threads + 1; thread:set("seed", threads) end
function init() math.randomseed(os.time() * 1000 + seed * 7919) end
function request()
  local r = math.random
  local id = string.format("%08x-%04x-4%03x-8%03x-%06x%06x", r(0, 0x7fffffff), r(0, 65535), r(0, 4095), r(0, 4095), r(0, 0xffffff), r(0, 0xffffff))
  local body = string.format('{"id":"%s","meter":"bench","quantity":1,"kind":"scan","provider":"acme"}', id)
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. keys[r(1, orgs)] }
  return wrk.format("POST", os.getenv("TARGET"), headers, body)
end
