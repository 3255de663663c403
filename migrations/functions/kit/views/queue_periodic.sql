-- When the scheduler last queued each periodic task.
CREATE OR REPLACE VIEW queue_periodic AS
SELECT periodic_id AS name, to_timestamp(max(defer_timestamp)) AS queued_at
FROM procrastinate_periodic_defers GROUP BY periodic_id;
