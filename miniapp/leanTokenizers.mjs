// Without what no tokenizer section of kind 2 can hold (exact/tokenizerJson.ts): models but BPE, and post-processors.
import { functionOf, leaveOut } from './leaveOut.mjs';

export const leanTokenizers = () => leaveOut('@huggingface/tokenizers', /@huggingface\/tokenizers\/dist\/tokenizers\.mjs$/, {
  create_tokenizer_model: {
    pattern: functionOf('create_tokenizer_model'),
    instead: "function create_tokenizer_model(model) {\n  if (model.type === 'BPE') return new BPE_default(model);\n  throw new Error('this page knows BPE alone');\n}",
  },
  create_post_processor: {
    pattern: functionOf('create_post_processor'),
    instead: "function create_post_processor(config) {\n  if (config === null) return null;\n  throw new Error('this page has no post-processors');\n}",
  },
});
