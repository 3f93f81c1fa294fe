/** The version this code was written against; a test compares it with the folder. */
export const NEWEST_MIGRATION = "20261123104001";
