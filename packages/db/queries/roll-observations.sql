/* @name rollObservations */
SELECT roll_observations(:keepDays!) IS NULL AS done;
