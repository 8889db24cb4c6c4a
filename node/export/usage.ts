/** How an exported folder is used: the exact commands of each program that can, for its card. */
import type { AdapterShape } from '../../kernels/shape.ts'
import type { ExportFormat, Takeaway } from './takeaway.ts'

/** The file that we write, which the commands name. */
export const LORA_FILE = 'adapter.gguf'

type Uses = Pick<Takeaway, 'run' | 'adapter'>

/** Ranks that vLLM reserves room for. Source: vllm, config/lora.py. */
const VLLM_RANKS = [1, 8, 16, 32, 64, 128, 256, 320, 512]

export function usageOf(format: ExportFormat, uses: Uses): string {
  const sections = SECTIONS[format](uses)
  return sections.map(([tool, body]) => `### ${tool}\n\n${body}\n`).join('\n')
}

type Section = readonly [tool: string, body: string]

const SECTIONS: Readonly<Record<ExportFormat, (uses: Uses) => Section[]>> = {
  peft: ({ run, adapter }) => [
    ['PEFT', python(run.base.name, PEFT)],
    ['vLLM', shell(`vllm serve BASE --enable-lora ${loraOptions(slug(run.name), adapter)}`)],
    [
      'llama.cpp',
      shell(
        'python convert_lora_to_gguf.py --base BASE --outtype f32 .',
        'llama-cli -m BASE.gguf --lora ADAPTER.gguf -p "Call me"',
      ),
    ],
  ],
  'gguf-lora': () => [
    [
      'llama.cpp',
      shell(
        `llama-cli -m BASE.gguf --lora ${LORA_FILE} -p "Call me"`,
        `llama-server -m BASE.gguf --lora ${LORA_FILE}`,
      ),
    ],
    ['PEFT and vLLM', otherFormat('peft')],
  ],
}

const PEFT = `from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = "BASE"
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), ".")
tokenizer = AutoTokenizer.from_pretrained(base)`

function python(base: string, load: string): string {
  return `\`\`\`python
${load.replace('"BASE"', `"BASE"  # where ${oneLine(base)} is`)}
ids = tokenizer("Call me", return_tensors="pt", add_special_tokens=False)
print(tokenizer.decode(model.generate(**ids, max_new_tokens=60)[0]))
\`\`\``
}

const shell = (...lines: string[]) => `\`\`\`\n${lines.join('\n')}\n\`\`\``

const otherFormat = (format: ExportFormat) =>
  `Needs another format of this adapter: \`barnraise export RUN --format ${format}\`.`

function loraOptions(name: string, { adapterRank }: AdapterShape): string {
  const room = VLLM_RANKS.find((rank) => rank >= adapterRank) ?? adapterRank
  return `--max-lora-rank ${room} --lora-modules ${name}=.`
}

/** A fence of code ends at backticks alone. */
const oneLine = (text: string) => text.replaceAll(/[\s`]+/g, ' ')

/** A name that a shell and Ollama take as it is. */
function slug(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return plain.replaceAll(/^-|-$/g, '') || 'barnraise'
}
