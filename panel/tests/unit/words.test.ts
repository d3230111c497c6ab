import { describe, expect, it } from 'vitest'
import { browserName } from '~/utils/browser'
import { codeParts } from '~/utils/code'

describe('words for people', () => {
  it('name browsers, and leave other programs as they call themselves', () => {
    expect(browserName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36')).toBe('Chrome · Linux')
    expect(browserName('Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe('Firefox · macOS')
    expect(browserName('hytopus 0.1.0')).toBe('hytopus 0.1.0')
  })

  it('tell commands from the rest of a text', () => {
    expect(codeParts('Run `hytopus up`.')).toEqual([{ text: 'Run ', code: false }, { text: 'hytopus up', code: true }, { text: '.', code: false }])
    expect(codeParts('')).toEqual([])
  })
})
