/** The executable behind `./sandlot`. It runs from the checkout: it builds what the services are made of. */
import { runCli } from "@sandlot/cli";

await runCli(process.argv.slice(2), process.env);
