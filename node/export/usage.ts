/** How an exported folder is used: the exact commands of each program that can, for its card. */
import type { AdapterShape } from '../../kernels/index.ts'
import { TEMPLATE_FILE } from '../model/chat-template.ts'
import type { ExportFormat } from './formats.ts'
import { escaped } from './markdown.ts'
import type { Takeaway } from './takeaway.ts'

/** The files that we write, which the commands name. */
export const LORA_FILE = 'adapter.gguf'
/** The base of a run that made blocks of it, beside the adapter. */
export const BASE_FILE = 'base.gguf'
export const MODEL_FILE = 'model.gguf'
export const MODELFILE = 'Modelfile'

interface Uses extends Pick<Takeaway, 'run' | 'adapter'> {
  /** Whether a chat template lies in the folder. */
  hasTemplate: boolean
}

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
    ['vLLM', vllmOf(run, adapter)],
    ['llama.cpp', llamaOf(adapter)],
    [
      'Ollama',
      fromHere('merged-gguf', fence('python', MERGE), shell(...convertAndCreate('merged', run))),
    ],
  ],
  'gguf-lora': ({ run, hasTemplate }) => [
    ['llama.cpp', besideBase(run, chatOptions(hasTemplate))],
    ['PEFT and vLLM', otherFormat('peft')],
    ['Ollama', otherFormat('merged-gguf')],
  ],
  merged: ({ run }) => [
    ['transformers', python(run.base.name, TRANSFORMERS)],
    ['vLLM', shell('vllm serve .')],
    [
      'llama.cpp',
      fromHere('merged-gguf', shell(convert('.'), `llama-cli -m ${MODEL_FILE} -p "Call me"`)),
    ],
    ['Ollama', fromHere('merged-gguf', shell(...convertAndCreate('.', run)))],
  ],
  'merged-gguf': ({ run }) => [
    [
      'llama.cpp',
      shell(`llama-cli -m ${MODEL_FILE} -p "Call me"`, `llama-server -m ${MODEL_FILE}`),
    ],
    ['Ollama', shell(...create(run))],
    ['transformers and vLLM', otherFormat('merged')],
  ],
}

function vllmOf({ name }: Named, adapter: AdapterShape): string {
  if (adapter.variant === 'dora') {
    return `vLLM knows no DoRA, so it takes it merged. ${otherFormat('merged')}`
  }
  if (adapter.exceptions === undefined) {
    return shell(`vllm serve BASE --enable-lora ${loraOptions(slug(name), adapter)}`)
  }
  const why = 'vLLM scales all linear layers alike, and some of these have a rank or alpha of their'
  return `${why} own, so it takes them merged. ${otherFormat('merged')}`
}

/** An adapter is right beside the base that it was trained on alone, so its file is named. */
function besideBase({ base }: Pick<Takeaway['run'], 'base'>, options: string): string {
  const { file, says, made = [] } = BASES[base.file](base)
  const commands = ['llama-cli', 'llama-server'].map(
    (program, i) =>
      `${program} -m ${file} --lora ${LORA_FILE}${options}${i === 0 ? ' -p "Call me"' : ''}`,
  )
  return `${says}\n\n${shell(...made, ...commands)}`
}

interface BaseFile {
  /** Its name in commands. */
  file: string
  /** Which file it is, and where it comes from. */
  says: string
  /** The commands that make it. */
  made?: string[]
}

type Base = Takeaway['run']['base']

const BASES: Readonly<Record<Base['file'], (base: Base) => BaseFile>> = {
  blocks: () => ({
    file: BASE_FILE,
    says:
      `\`${BASE_FILE}\` is the base in the 4 bits that the run made of it and trained this ` +
      'adapter on. Any other GGUF of the base has other weights.',
  }),
  gguf: ({ name, digest }) => ({
    file: 'BASE.gguf',
    says:
      `\`BASE.gguf\` stands for the file that the run was trained on, ${escaped(name)}: the one ` +
      `whose SHA-256 is \`${digest}\`.`,
  }),
  safetensors: ({ name }) => ({
    file: 'BASE.gguf',
    says:
      `\`BASE.gguf\` is ${escaped(name)}, whose folder \`BASE\` stands for, as llama.cpp's ` +
      'script converts it:',
    made: [convert('BASE', 'BASE.gguf')],
  }),
}

/** llama.cpp's script writes one `lora_alpha`, which is then divided by the rank of each layer. */
function llamaOf({ scaling, variant, exceptions = [], alpha }: AdapterShape): string {
  if (variant === 'dora') {
    return `llama.cpp's adapters know no DoRA, so it takes it merged. ${otherFormat('merged-gguf')}`
  }
  if (scaling === 'rslora' || exceptions.some((one) => one.alpha !== alpha)) {
    return otherFormat('gguf-lora')
  }
  return fromHere(
    'gguf-lora',
    shell(
      `python convert_lora_to_gguf.py . --base BASE --outtype f32 --outfile ${LORA_FILE}`,
      `llama-cli -m BASE.gguf --lora ${LORA_FILE} -p "Call me"`,
    ),
  )
}

const PEFT = `from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = "BASE"
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), ".")
tokenizer = AutoTokenizer.from_pretrained(base)`

const TRANSFORMERS = `from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(".")
tokenizer = AutoTokenizer.from_pretrained(".")`

const MERGE = `# after the lines for PEFT above
model.merge_and_unload().save_pretrained("merged")
tokenizer.save_pretrained("merged")`

type Named = { name: string }

const convert = (folder: string, file = MODEL_FILE) =>
  `python convert_hf_to_gguf.py ${folder} --outfile ${file} --outtype f16`

const create = ({ name }: Named) => [
  `ollama create ${slug(name)} -f ${MODELFILE}`,
  `ollama run ${slug(name)} "Call me"`,
]

const convertAndCreate = (folder: string, run: Named) => [
  convert(folder),
  `echo "FROM ./${MODEL_FILE}" > ${MODELFILE}`,
  ...create(run),
]

function python(base: string, load: string): string {
  const code = `${load.replace('"BASE"', `"BASE"  # where ${oneLine(base)} is`)}
ids = tokenizer("Call me", return_tensors="pt", add_special_tokens=False)
print(tokenizer.decode(model.generate(**ids, max_new_tokens=60)[0]))`
  return fence('python', code)
}

const fence = (language: string, code: string) => `\`\`\`${language}\n${code}\n\`\`\``

const shell = (...lines: string[]) => fence('', lines.join('\n'))

const otherFormat = (format: ExportFormat) =>
  `Whoever has the run writes what it needs: \`barnraise export RUN --format ${format}\`.`

/** Not everybody who reads the card has the run. */
const fromHere = (format: ExportFormat, ...blocks: string[]) =>
  [`${otherFormat(format)} Out of this folder, with llama.cpp's scripts:`, ...blocks].join('\n\n')

const chatOptions = (hasTemplate: boolean) =>
  hasTemplate ? ` --jinja --chat-template-file ${TEMPLATE_FILE}` : ''

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
