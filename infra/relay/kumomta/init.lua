-- KumoMTA as Warmpost's relay: /opt/kumomta/etc/policy/init.lua. What has to be changed stands in warmpost.lua beside it.
-- Version 2025.05.06 or later (the modes of log_oob and log_arf).

local kumo = require 'kumo'
local settings = dofile '/opt/kumomta/etc/policy/warmpost.lua'

local POOL_FIELD = 'X-Warmpost-Pool'
local HOOK = 'warmpost'
local HOOK_QUEUE = 'warmpost.log_hook'

local function read_secret(path)
  local file = assert(io.open(path, 'r'))
  local text = file:read('*a'):gsub('%s+$', '')
  file:close()
  return text
end

kumo.on('init', function()
  kumo.define_spool { name = 'data', path = '/var/spool/kumomta/data', kind = 'RocksDB' }
  kumo.define_spool { name = 'meta', path = '/var/spool/kumomta/meta', kind = 'RocksDB' }
  kumo.configure_local_logs { log_dir = '/var/log/kumomta', max_segment_duration = '1 minute' }
  kumo.configure_log_hook {
    name = HOOK,
    headers = { 'Message-ID' },
    meta = { 'return_path' },
    per_record = { Reception = { enable = false }, Any = { enable = true } },
  }
  kumo.start_http_listener { listen = '127.0.0.1:8000', trusted_hosts = { '127.0.0.1' } }
  for _, listen in ipairs { '0.0.0.0:587', '0.0.0.0:25' } do
    kumo.start_esmtp_listener {
      listen = listen,
      hostname = settings.hostname,
      tls_certificate = settings.certificate,
      tls_private_key = settings.private_key,
      relay_hosts = {},
      -- recipients would see who else is one
      trace_headers = { supplemental_header = false },
    }
  end
end)

-- In: workers with a password, which KumoMTA takes behind STARTTLS only; from everybody else reports and nothing more.
kumo.on('smtp_server_auth_plain', function(_, user, password)
  return password ~= '' and user == settings.user and password == read_secret(settings.password_file)
end)

kumo.on('get_listener_domain', function(domain, _, connection)
  if connection:get_meta 'authz_id' then
    return kumo.make_listener_domain { relay_to = true }
  end
  if settings.report_domains[domain] then
    return kumo.make_listener_domain { log_oob = 'LogThenDrop', log_arf = 'LogThenDrop' }
  end
end)

kumo.on('smtp_server_message_received', function(message)
  local pool = message:get_first_named_header_value(POOL_FIELD)
  message:remove_all_named_headers(POOL_FIELD)
  if not message:get_meta 'authn_id' then
    -- a report: its address names the message it is about, with a signature
    message:set_meta('return_path', tostring(message:recipient()))
    return
  end
  pool = pool or settings.shared_pool
  if not settings.pools[pool] then
    kumo.reject(451, '4.7.1 this relay has no transport of that name')
  end
  message:set_meta('tenant', pool)
end)

-- Out: each pool by its own addresses.
kumo.on('get_queue_config', function(domain, tenant)
  if domain == HOOK_QUEUE then
    return kumo.make_queue_config {
      protocol = { custom_lua = { constructor = 'make.' .. HOOK_QUEUE } },
      retry_interval = '1 minute',
      max_retry_interval = '20 minutes',
      max_age = '7 days',
    }
  end
  return kumo.make_queue_config {
    egress_pool = tenant or settings.shared_pool,
    retry_interval = '5 minutes',
    max_retry_interval = '1 hour',
    max_age = '24 hours',
  }
end)

kumo.on('get_egress_pool', function(name)
  local entries = {}
  for _, source in ipairs(settings.pools[name] or {}) do
    table.insert(entries, { name = source.name })
  end
  return kumo.make_egress_pool { name = name, entries = entries }
end)

kumo.on('get_egress_source', function(name)
  for _, sources in pairs(settings.pools) do
    for _, source in ipairs(sources) do
      if source.name == name then
        return kumo.make_egress_source {
          name = name,
          source_address = source.address,
          ehlo_domain = source.hostname,
        }
      end
    end
  end
  error('there is no source named ' .. name)
end)

kumo.on('get_egress_path_config', function()
  return kumo.make_egress_path { enable_tls = 'Opportunistic', connection_limit = 10 }
end)

-- Back: what becomes of each message, to the function event_webhook; while that is down the records wait in a queue.
kumo.on('should_enqueue_log_record', function(message, hook)
  if hook ~= HOOK then
    return
  end
  if message:get_meta('log_record').reception_protocol == 'LogRecord' then
    return false
  end
  message:set_meta('queue', HOOK_QUEUE)
  return true
end)

kumo.on('make.' .. HOOK_QUEUE, function()
  local connection, client = {}, kumo.http.build_client {}

  function connection:send(message)
    local response = client
      :post(settings.events_url .. '/kumomta')
      :header('Content-Type', 'application/json')
      :header('Authorization', 'Bearer ' .. read_secret(settings.events_secret_file))
      :body(message:get_data())
      :send()
    local code = response:status_code()
    local words = string.format('%d %s', code, response:status_reason())
    if response:status_is_success() then
      return words
    end
    -- what is wrong in itself is never taken; everything else may be later, a wrong secret too
    local never = code == 400 or code == 413 or code == 422
    kumo.reject(never and 500 or 400, words)
  end

  function connection:close()
    client:close()
  end

  return connection
end)
