/* @name lockSeeding */
SELECT
  -- One seeding at a time; given back at the end of the transaction.
  pg_advisory_xact_lock(727403) IS NULL AS locked;
