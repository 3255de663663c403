"""Ground floor: database, clocks, periods, money, ids, errors, queue. Knows no Flask and no product words."""
