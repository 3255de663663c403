-- When a worker was last alive, and when the scheduler last queued a periodic task; NULL if never.
CREATE OR REPLACE VIEW queue_heartbeat AS
SELECT (SELECT max(last_heartbeat) FROM procrastinate_workers) AS worker_at,
       (SELECT to_timestamp(max(defer_timestamp)) FROM procrastinate_periodic_defers) AS scheduler_at;
