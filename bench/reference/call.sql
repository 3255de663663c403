-- Records one event for a random one of the first :orgs orgs, with the call that the portal makes on PostgreSQL 17 or newer.
\set org random(1, :orgs)
CALL usage_record(
  p_org => ('00000000-0000-7000-8000-' || lpad(to_hex(:org::integer), 12, '0'))::uuid, p_now => now(),
  p_oldest => now() - interval '35 days', p_newest => now() + interval '5 minutes', p_api_key => NULL,
  p_event => ROW(
    gen_random_uuid()::text, gen_random_uuid(), '\x000102030405060708090a0b0c0d0e0f', 'bench', 1, now(), 'scan', 'acme',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::usage_event_input,
  p_flush => true, outcome => NULL, facts => NULL);
