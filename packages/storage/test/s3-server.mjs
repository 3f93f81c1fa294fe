// A bucket to test against, on free ports of this machine; run by s3-server.ts under Node. Ends with its standard input.
import S3rver from "@20minutes/s3rver";

const [directory, ...buckets] = process.argv.slice(2);
const serve = async (allowMismatchedSignatures) => {
  const configureBuckets = buckets.map((name) => ({ name }));
  const of = { address: "127.0.0.1", port: 0, silent: true, directory, configureBuckets, allowMismatchedSignatures };
  return (await new S3rver(of).run()).port;
};
// It takes the signatures of lists for wrong ones, so one of the two looks at none.
process.stdout.write(`${await serve(true)} ${await serve(false)}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
