import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe as suite, expect, it } from 'vitest'
import { describe } from '~/utils/describe'
import { TarScanner, tarOf } from '~/utils/tar'

const RULES = 'type = "map"\ndescription = "Arena"\n[variables.OWNER]\nrequired = true\n'
const FILES = [
  { path: 'maps/arena.bin', content: new Blob([new Uint8Array(1500).fill(7)]) },
  { path: 'template.toml', content: new Blob([RULES]) },
  { path: `deep/${'x'.repeat(120)}/größe.txt`, content: new Blob(['hello']) },
]

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())

suite('tarOf', () => {
  it('gives what tar itself can unpack', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'panel-tar-'))
    writeFileSync(join(folder, 'a.tar'), await bytesOf(tarOf(FILES)))
    execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder })
    expect(readFileSync(join(folder, FILES[2]?.path ?? ''), 'utf8')).toBe('hello')
    expect(readFileSync(join(folder, 'maps/arena.bin'))).toHaveLength(1500)
  })

  it('gives the same bytes for the same files, in whatever order they came', async () => {
    expect(await bytesOf(tarOf([...FILES].reverse()))).toEqual(await bytesOf(tarOf(FILES)))
  })
})

suite('TarScanner', () => {
  it('finds rules and files however the bytes are cut', async () => {
    const bytes = await bytesOf(tarOf(FILES))
    for (const size of [1, 7, 511, 512, 513, 100_000]) {
      const scanner = new TarScanner()
      for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size))
      expect([scanner.rules, scanner.files]).toEqual([RULES, 2])
    }
  })

  it('takes a template.toml below a folder for an ordinary file', async () => {
    const scanner = new TarScanner()
    scanner.push(await bytesOf(tarOf([{ path: 'inner/template.toml', content: new Blob(['x = 1']) }])))
    expect([scanner.rules, scanner.files]).toEqual([undefined, 1])
  })
})

suite('describe', () => {
  it('hashes whole and parts, and reads through gzip', async () => {
    const archive = new Blob([gzipSync(await bytesOf(tarOf(FILES)))])
    const bytes = await bytesOf(archive)
    const sha = (part: Uint8Array) => createHash('sha256').update(part).digest('hex')
    const seen: number[] = []
    const found = await describe(archive, 'tar.gz', 100, behind => seen.push(behind))
    expect(found.checksum).toBe(sha(bytes))
    expect(found.parts[0]).toBe(sha(bytes.subarray(0, 100)))
    expect(found.parts).toHaveLength(Math.ceil(bytes.length / 100))
    expect(found.files).toBe(2)
    expect(found.rules).toEqual({ type: 'map', description: 'Arena', variables: { OWNER: { required: true } } })
    expect(seen.at(-1)).toBe(bytes.length)
  })

  it('refuses what is not gzip', async () => {
    await expect(describe(new Blob(['no gzip at all']), 'tar.gz', 100, () => {})).rejects.toThrow()
  })
})
