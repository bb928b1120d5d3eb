-- For wrk: each request is that of the next visitor. The argument is a file with a Cookie header a line.
local requests, number = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format('GET', nil, {Cookie = line})
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end
