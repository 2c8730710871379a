import { createHash } from 'node:crypto'

/** Milliseconds by which a host's clock and that of Redis may differ; beyond it nothing is claimed from that host. */
const MAX_SKEW = 30_000

/** What the script answers when the store itself stands in the way. */
export const troubles = ['readonly', 'evicting', 'blind', 'clock'] as const

/** What the script answers to a claim, and `seen` to a look. */
export const claims = ['fresh', 'mine', 'used', 'quota', 'unknown', 'seen'] as const

/** Why proofs that were used may have been forgotten. */
export const losses = ['emptied', 'restarted', 'rolledBack', 'doubted', 'evicted'] as const

/**
 * One atomic step: is this the store we know, does it remember everything, and, with three keys, is the proof new?
 *
 * KEYS: the marker; for a claim also the proof and the counts of its key. All lie in one hash slot.
 * ARGV: 1 tag that comes back, so that a reply is never taken for another's; 2 wall clock of the caller; 3 how far ahead
 * a proof may be dated; 4 how long an entry is needed; 5 the newest proof the caller knows of; 6 `1` when the caller
 * doubts the clocks; for a claim: 7 date of the proof; 8 by how much that is ahead; 9 owner or `-`; 10 quota. Times are
 * milliseconds.
 * Answer: tag, word, horizon, newest, loss. Proofs dated up to the horizon may have been used and forgotten.
 *
 * The marker never expires. It names the process (run_id) and the history of its data (master_replid): a restart, an
 * older snapshot, a failover and a full resynchronisation change one of them, a flush takes the marker away. Entries
 * live by the clock of Redis and outlive the window by twice the greatest difference of clocks. When that clock falls
 * back, what had expired could be acceptable again, so the horizon moves. It also moves when proofs may be dated further
 * ahead than the replica allowed that noticed a loss. Reading comes before writing: what is used stays `used` when there
 * is no memory left, and a first write that is refused leaves nothing behind.
 */
const source = `
local tag, wall, ahead, window, known = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local replication = redis.call('INFO', 'replication')
if not string.find(replication, 'role:master', 1, true) then return {tag, 'readonly', 0, 0, ''} end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local history = string.match(replication, 'master_replid:(%w+)')
local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)')
if not (run and history and policy) then return {tag, 'blind', 0, 0, ''} end
if policy ~= 'noeviction' then
  redis.pcall('HSET', KEYS[1], 'doubt', 1)
  return {tag, 'evicting', 0, 0, ''}
end
if math.abs(now - wall) > ${MAX_SKEW} then return {tag, 'clock', 0, 0, ''} end

local marker = redis.call('HMGET', KEYS[1], 'server', 'horizon', 'newest', 'seen', 'window', 'doubt', 'evicted', 'ahead')
local server = run .. ' ' .. history
local horizon, newest = tonumber(marker[2] or 0), tonumber(marker[3] or 0)
local seen, kept = tonumber(marker[4] or 0), tonumber(marker[5] or 0)
local margin = tonumber(marker[8] or 0)
local evicted = marker[7] or '0'
if #KEYS == 1 then evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)') or evicted end

local entry = #KEYS > 1 and redis.call('GET', KEYS[2])
local further = marker[1] == server and ahead > margin
if further then horizon = horizon + ahead - margin end
ahead = math.max(ahead, margin)
local loss = ''
if marker[1] ~= server then
  loss = marker[1] and 'restarted' or 'emptied'
  horizon = math.max(horizon, newest, known, math.max(now, wall) + ahead + 1000)
elseif known > newest then
  loss = 'rolledBack'
  horizon = math.max(horizon, known)
elseif marker[7] and evicted ~= marker[7] then
  loss = 'evicted'
  horizon = math.max(horizon, newest)
elseif now < seen - 5000 or window > kept or marker[6] or ARGV[6] == '1' then
  loss = 'doubted'
  horizon = math.max(horizon, newest)
end
newest = math.max(newest, known)
window = math.max(window, kept)
if loss ~= '' or further or #KEYS == 1 or (now > seen + 1000 and not entry) then
  redis.call('HSET', KEYS[1], 'server', server, 'horizon', horizon, 'newest', newest, 'seen', now, 'window', window, 'evicted', evicted, 'ahead', ahead)
  if marker[6] then redis.call('HDEL', KEYS[1], 'doubt') end
end
if #KEYS == 1 then return {tag, 'seen', horizon, newest, loss} end

local issued, lead, owner, quota = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
if entry then
  local at, holder = string.match(entry, '^(%d+) (.+)$')
  local mine = owner ~= '-' and holder == owner and now >= tonumber(at) and now - tonumber(at) <= 2000
  return {tag, mine and 'mine' or 'used', horizon, newest, loss}
end
if issued <= horizon then return {tag, 'unknown', horizon, newest, loss} end

local span = math.ceil(window / 8)
local period = math.floor(now / span)
local counts, held, past = redis.call('HGETALL', KEYS[3]), 0, {}
for place = 1, #counts, 2 do
  local counted = tonumber(counts[place])
  if counted < period - 8 or counted > period then past[#past + 1] = counts[place]
  else held = held + tonumber(counts[place + 1]) end
end
if held >= quota then return {tag, 'quota', horizon, newest, loss} end

local keep = window + lead + ${2 * MAX_SKEW}
redis.call('SET', KEYS[2], string.format('%d %s', now, owner), 'PX', keep, 'NX')
redis.call('HINCRBY', KEYS[3], period, 1)
if #past > 0 then redis.call('HDEL', KEYS[3], unpack(past)) end
redis.call('PEXPIRE', KEYS[3], window + 2 * span)
if issued > newest then
  newest = issued
  redis.call('HSET', KEYS[1], 'newest', newest)
end
return {tag, 'fresh', horizon, newest, loss}
`

/** The script and the name under which Redis keeps it. */
export const replayScript = { source, sha: createHash('sha1').update(source).digest('hex') } as const
