-- How often a background job has failed, and its last error.
CREATE OR REPLACE VIEW queue_errors AS
SELECT job_id, failures, error, failed_at FROM queue_failures;
