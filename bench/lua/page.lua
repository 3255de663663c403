-- One page per request, with the cookies of a person who is signed in.
local headers = { ["Cookie"] = os.getenv("COOKIE") }
function request() return wrk.format("GET", os.getenv("TARGET"), headers) end
