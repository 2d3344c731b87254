-- What differs from one machine to the next: /opt/kumomta/etc/policy/warmpost.lua
return {
  hostname = 'relay.example.com',
  certificate = '/etc/letsencrypt/live/relay.example.com/fullchain.pem',
  private_key = '/etc/letsencrypt/live/relay.example.com/privkey.pem',

  -- Who may send; the file holds the password alone, readable by kumod.
  user = 'warmpost',
  password_file = '/opt/kumomta/etc/warmpost.password',

  -- Domains whose MX is this machine: bounces and complaints that come later.
  report_domains = { ['relay.example.com'] = true },

  events_url = 'https://address-of-the-functions/event-webhook',
  events_secret_file = '/opt/kumomta/etc/warmpost-events.secret', -- of WARMPOST_EVENTS_SECRET_KUMOMTA

  -- Transports that Warmpost's relays name (`transport`), and the addresses of each. Without one: shared_pool.
  shared_pool = 'shared',
  pools = {
    shared = { { name = 'mail0', address = '192.0.2.10', hostname = 'relay.example.com' } },
    dedicated1 = { { name = 'mail1', address = '192.0.2.11', hostname = 'mail1.example.com' } },
  },
}
