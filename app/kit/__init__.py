"""Ground floor: database, clocks, periods, money, ids, errors, queue. Knows neither Flask nor the product."""
