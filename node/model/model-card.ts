/**
 * README.md of an exported adapter: what it is, who made it out of what, how good it is, how to use
 * it.
 */
import { stringify } from 'yaml'
import type { AdapterShape } from '../../kernels/shape.ts'
import type { Digest } from '../../protocol/digest.ts'

export interface RunSummary {
  name: string
  runId: string
  base: { name: string; digest: Digest; license: string }
  dataset: { name: string; trainTokens: number }
  /** SHA-256 of the adapter's N scalars, as the journal names it. */
  adapterDigest: Digest
  rounds: number
  /** Tokens trained on, those of every counted contribution. */
  tokens: number
  volunteers: number
  /** Nats per token on the held-out split, which no volunteer trained on; null: not measured. */
  heldOut: { tokens: number; lossBefore: number | null; lossAfter: number | null }
}

export function modelCard(run: RunSummary, adapter: AdapterShape): string {
  return `---
${frontMatter(run)}---

# ${run.name}

A LoRA adapter for ${run.base.name}, trained by ${run.volunteers} volunteers in ${run.rounds} rounds
with barnraise.

| on ${run.heldOut.tokens} held-out tokens | loss (nats per token) | perplexity |
|---|---|---|
${evaluationRow('base', run.heldOut.lossBefore)}
${evaluationRow('with this adapter', run.heldOut.lossAfter)}

| | |
|---|---|
| text | ${run.dataset.name}, ${run.dataset.trainTokens} tokens to train on |
| tokens trained on | ${run.tokens} |
| rank, alpha | ${adapter.adapterRank}, ${adapter.alpha} |
| targets | ${adapter.targets.join(', ')} |
| run | \`${run.runId}\` |
| adapter, SHA-256 | \`${run.adapterDigest}\` |
| base weights, SHA-256 | \`${run.base.digest}\` |

## Use it

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = "PATH OR NAME OF THE BASE"  # ${run.base.name}
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), ".")
tokenizer = AutoTokenizer.from_pretrained(base)
ids = tokenizer("Call me", return_tensors="pt", add_special_tokens=False)
print(tokenizer.decode(model.generate(**ids, max_new_tokens=60)[0]))
\`\`\`
`
}

function frontMatter(run: RunSummary): string {
  return stringify({
    library_name: 'peft',
    base_model: run.base.name,
    base_model_relation: 'adapter',
    license: run.base.license,
    pipeline_tag: 'text-generation',
    tags: ['lora', 'barnraise'],
  })
}

function evaluationRow(name: string, loss: number | null): string {
  if (loss === null) return `| ${name} | not measured | |`
  return `| ${name} | ${loss.toFixed(4)} | ${Math.exp(loss).toFixed(2)} |`
}
