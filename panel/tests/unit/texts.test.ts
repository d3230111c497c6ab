import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import de from '../../i18n/de.json'
import en from '../../i18n/en.json'
import openapi from '../../openapi.json'

type Texts = { [key: string]: string | Texts }

function flat(texts: Texts, above = ''): Map<string, string> {
  const all = new Map<string, string>()
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === 'string') all.set(above + key, value)
    else for (const [below, text] of flat(value, `${above}${key}.`)) all.set(below, text)
  }
  return all
}

const english = flat(en)
const german = flat(de)
const source = globSync('app/**/*.{vue,ts}').filter(file => !file.startsWith('app/api/')).map(file => readFileSync(file, 'utf8')).join('\n')

/** Keys written out; keys put together from parts are looked up by their beginning. */
const used = [...source.matchAll(/\bt\(\s*(['`])([a-z][\w.${}]*)\1/gi)].map(match => match[2] ?? '')

describe('texts', () => {
  it('exist in both languages', () => {
    expect(used.length).toBeGreaterThan(300)
    const missing = used.filter((key) => {
      const [start] = key.split('${')
      return [english, german].some(texts => key.includes('${') ? ![...texts.keys()].some(each => each.startsWith(start ?? '')) : !texts.has(key))
    })
    expect(missing).toEqual([])
  })

  it('are complete in German', () => {
    expect([...english.keys()].filter(key => !german.has(key))).toEqual([])
  })

  it('name the same values in both languages', () => {
    const values = (text: string | undefined) => [...new Set(text?.match(/\{\w+\}/g))].sort().join()
    const differing = [...english].filter(([key, text]) => values(text) !== values(german.get(key))).map(([key]) => key)
    expect(differing).toEqual([])
  })

  it('translate every problem that the API names', () => {
    const codes = new Set<string>()
    for (const path of Object.values(openapi.paths)) {
      for (const operation of Object.values(path) as { responses: Record<string, { description: string }> }[]) {
        for (const [status, { description }] of Object.entries(operation.responses)) {
          if (Number(status) >= 400) for (const [, code] of description.matchAll(/`(\w+)`/g)) codes.add(code ?? '')
        }
      }
    }
    expect(codes.size).toBeGreaterThan(40)
    expect([...codes].filter(code => !german.has(`problems.${code}.message`))).toEqual([])
  })
})
