-- Background jobs and their status.
CREATE OR REPLACE VIEW queue_jobs AS
SELECT task_name, args, status, scheduled_at, id, queue_name AS queue FROM procrastinate_jobs;
