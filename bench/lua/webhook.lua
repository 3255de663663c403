-- One signed event with its own id per request. EVENTS contains a body template, then one id and signature per line;
-- sending starts at line FROM.
local lines, position, parts, headers = {}, tonumber(os.getenv("FROM")), {}, { ["Content-Type"] = "application/json; charset=utf-8" }
local file = io.open(os.getenv("EVENTS"))
for part in (file:read("*l") .. "@"):gmatch("([^@]*)@") do parts[#parts + 1] = part end
for line in file:lines() do lines[#lines + 1] = line end
file:close()
function request()
  position = position + 1
  local id, signature = lines[position]:match("(%S+) (%S+)")  -- fails once all are sent, so none is sent twice
  headers["Stripe-Signature"] = signature
  return wrk.format("POST", os.getenv("TARGET"), headers, table.concat(parts, id))
end
