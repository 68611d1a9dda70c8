// Leaves out of @huggingface/tokenizers what no tokenizer section of kind 2 can hold (exact/tokenizerJson.ts): models but BPE, and post-processors.
// The package's version is pinned; another one in which these are not found fails the build.
const functionOf = (name) => new RegExp(`^function ${name}\\([^)]*\\) \\{\\n[\\s\\S]*?\\n\\}$`, 'm');

const LEFT_OUT = {
  create_tokenizer_model: "function create_tokenizer_model(model) {\n  if (model.type === 'BPE') return new BPE_default(model);\n  throw new Error('this page knows BPE alone');\n}",
  create_post_processor: "function create_post_processor(config) {\n  if (config === null) return null;\n  throw new Error('this page has no post-processors');\n}",
};

export const leanTokenizers = () => ({
  name: 'lean tokenizers',
  transform(code, id) {
    if (!/@huggingface\/tokenizers\/dist\/tokenizers\.mjs$/.test(id)) return null;
    let lean = code;
    for (const [name, instead] of Object.entries(LEFT_OUT)) {
      if (!functionOf(name).test(lean)) throw new Error(`@huggingface/tokenizers: ${name} is not where it was`);
      lean = lean.replace(functionOf(name), instead);
    }
    return { code: lean, map: null };
  },
});
