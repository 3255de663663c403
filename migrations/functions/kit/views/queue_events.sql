-- What happened to each background job, and when; without the instants that it is put off to.
CREATE OR REPLACE VIEW queue_events AS
SELECT job_id, at FROM procrastinate_events WHERE type <> 'scheduled';
