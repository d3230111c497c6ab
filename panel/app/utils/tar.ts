/** Tar archives in the browser: written from chosen files, read to find what a template says of itself. */

const BLOCK = 512
const RULES = 'template.toml'
/** More than any real `template.toml`; the Brain refuses larger ones. */
const MAX_RULES = 256 * 1024

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface TarFile {
  path: string
  content: Blob
}

/** A tar of these files as a blob that refers to them; the same files give the same bytes. */
export function tarOf(files: readonly TarFile[]): Blob {
  const parts: BlobPart[] = []
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const name = encoder.encode(file.path)
    if (name.length > 100) parts.push(...extension(name))
    parts.push(header(name.slice(0, 100), file.content.size, '0'), file.content, padding(file.content.size))
  }
  parts.push(new Uint8Array(2 * BLOCK))
  return new Blob(parts)
}

/** A pax record with a long path. Its length counts itself. */
function extension(path: Uint8Array): BlobPart[] {
  const rest = path.length + ' path=\n'.length
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  const record = encoder.encode(`${length} path=${decoder.decode(path)}\n`)
  return [header(encoder.encode('pax_header'), record.length, 'x'), record, padding(record.length)]
}

function header(name: Uint8Array, size: number, kind: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK)
  const put = (text: string, at: number) => block.set(encoder.encode(text), at)
  block.set(name, 0)
  put('0000644\0', 100)
  put('0000000\0', 108)
  put('0000000\0', 116)
  if (size < 8 ** 11) put(`${size.toString(8).padStart(11, '0')}\0`, 124)
  else putLarge(block, size)
  put('00000000000\0', 136)
  put('        ', 148)
  put(kind, 156)
  put('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** GNU's base 256, for files of 8 GiB and more. */
function putLarge(block: Uint8Array, size: number) {
  let rest = BigInt(size)
  for (let at = 135; at > 124; at--) {
    block[at] = Number(rest & 255n)
    rest >>= 8n
  }
  block[124] = 0x80
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - size % BLOCK) % BLOCK)
}

/** Reads a tar as its bytes come: counts files and keeps the root's `template.toml`. */
export class TarScanner {
  files = 0
  rules: string | undefined
  private buffer = new Uint8Array(0)
  private skip = 0
  private wanted: { name: 'rules' | 'path', size: number } | undefined
  private longName: string | undefined
  private ended = false

  push(chunk: Uint8Array) {
    if (this.ended) return
    let data = chunk
    if (this.skip > 0) {
      const passed = Math.min(this.skip, data.length)
      this.skip -= passed
      data = data.subarray(passed)
    }
    if (!data.length) return
    this.buffer = this.buffer.length ? concat(this.buffer, data) : data.slice()
    while (this.step());
  }

  private step(): boolean {
    if (this.ended || this.skip > 0) return false
    if (this.wanted) return this.takeWanted(this.wanted)
    if (this.buffer.length < BLOCK) return false
    const block = this.buffer.subarray(0, BLOCK)
    if (block.every(byte => byte === 0)) {
      this.ended = true
      return false
    }
    this.readHeader(block)
    return true
  }

  private readHeader(block: Uint8Array) {
    const kind = String.fromCharCode(block[156] ?? 0)
    const size = number(block.subarray(124, 136))
    const name = this.longName ?? text(block.subarray(0, 100))
    this.consume(BLOCK)
    if (kind === 'x' || kind === 'L') return void (this.wanted = { name: 'path', size })
    this.longName = undefined
    if (kind === '0' || kind === '\0' || kind === '1' || kind === '7') this.files++
    if (name.replace(/^\.\//, '') === RULES && size <= MAX_RULES) {
      this.files--
      this.wanted = { name: 'rules', size }
      return
    }
    this.pass(size + (BLOCK - size % BLOCK) % BLOCK)
  }

  private takeWanted(wanted: { name: 'rules' | 'path', size: number }): boolean {
    const whole = wanted.size + (BLOCK - wanted.size % BLOCK) % BLOCK
    if (this.buffer.length < whole) return false
    const content = decoder.decode(this.buffer.subarray(0, wanted.size))
    if (wanted.name === 'rules') this.rules = content
    else this.longName = /\d+ path=(.*)\n/.exec(content)?.[1] ?? (content.includes('=') ? this.longName : content.replace(/\0+$/, ''))
    this.wanted = undefined
    this.consume(whole)
    return true
  }

  private pass(size: number) {
    const here = Math.min(size, this.buffer.length)
    this.consume(here)
    this.skip = size - here
  }

  private consume(size: number) {
    this.buffer = this.buffer.subarray(size)
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0)
  return decoder.decode(end < 0 ? field : field.subarray(0, end))
}

function number(field: Uint8Array): number {
  if (field[0] === 0x80) return field.subarray(1).reduce((total, byte) => total * 256 + byte, 0)
  return Number.parseInt(text(field).trim() || '0', 8)
}
