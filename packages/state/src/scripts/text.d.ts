declare module "*.lua" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape of a text import
  export default text;
}
