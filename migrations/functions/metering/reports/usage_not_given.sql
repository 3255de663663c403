-- Returns the quantity of the events that name no value of a dimension, from the figures of all events and of those that
-- name one (NULL if none does): the difference of sums and counts. A maximum and a number of distinct values do not add
-- up; theirs is NULL where the figures do not tell it.
CREATE OR REPLACE FUNCTION usage_not_given(aggregation text, whole numeric, given_sum numeric, given_max numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN given_sum IS NULL THEN whole
    WHEN aggregation IN ('sum', 'count') THEN whole - given_sum
    WHEN aggregation = 'max' AND whole > given_max THEN whole
  END
$$;
