import { describe, expect, it } from 'vitest'
import { coloured, plainText } from '~/utils/ansi'
import { ConsoleBuffer, type ConsoleLine } from '~/utils/console'

const line = (number: number, start = '7.1', second = number): ConsoleLine => ({
  number, start, text: `line ${number}`, at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(), place: `${number}@${start}`,
})

describe('ConsoleBuffer', () => {
  it('shows each line once across a reconnect, and resumes at the id of the last one', () => {
    const buffer = new ConsoleBuffer()
    expect(buffer.place).toBeUndefined()
    buffer.accept([line(1), line(2), line(3)])
    expect(buffer.place).toBe('3@7.1')
    expect(buffer.accept([line(2), line(3), line(4)])).toEqual([line(4)])
  })

  it('names lines that are lost', () => {
    const buffer = new ConsoleBuffer()
    buffer.accept([line(1)])
    expect(buffer.accept([line(5)])).toEqual([{ missing: 3 }, line(5)])
  })

  it('does not call the beginning of a tail a gap', () => {
    expect(new ConsoleBuffer().accept([line(900)])).toEqual([line(900)])
  })

  it('knows a new start, however many lines it has printed and whatever the clock says', () => {
    const buffer = new ConsoleBuffer()
    buffer.accept([line(1), line(2), line(3)])
    expect(buffer.accept([line(1, '7.2', 0), line(2, '7.2', 0)])).toEqual([{ restarted: true }, line(1, '7.2', 0), line(2, '7.2', 0)])
    expect(buffer.accept([line(900, '8.1')])).toEqual([{ restarted: true }, { missing: 899 }, line(900, '8.1')])
    expect(buffer.place).toBe('900@8.1')
  })

  it('guesses a new start by the time where an earlier node does not name it', () => {
    const buffer = new ConsoleBuffer()
    buffer.accept([line(1, ''), line(2, '')])
    const parts = buffer.accept([line(1, ''), line(2, ''), line(1, '', 60), line(5, '', 65)])
    expect(parts).toEqual([{ restarted: true }, line(1, '', 60), { missing: 3 }, line(5, '', 65)])
    expect(buffer.accept([line(6, '7.1')]), 'updated meanwhile').toEqual([line(6, '7.1')])
  })

  it('keeps only the newest lines', () => {
    const buffer = new ConsoleBuffer(2)
    buffer.accept([line(1), line(2), line(3)])
    expect(buffer.text()).toBe('line 2\nline 3')
  })
})

describe('what servers print', () => {
  const nasty = '\x1b[32mgreen\x1b[0m\x1b[2J\x1b]0;title\x07 \x08end'

  it('keeps its colours in the terminal, and steers it in no other way', () => {
    expect(coloured(nasty)).toBe('\x1b[32mgreen\x1b[0m end')
  })

  it('is plain text everywhere else', () => {
    expect(plainText(nasty)).toBe('green end')
  })

  it.each([
    ['a title', '\x1b]0;owned\x07after', 'after'],
    ['a link that shows another text', '\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\', 'click'],
    ['the clipboard', '\x1b]52;c;cm0gLXJm\x07', ''],
    ['a device string', '\x1bP$q"p\x1b\\after', 'after'],
    ['one that never ends', 'before\x1b]0;title', 'before'],
    ['text that runs backwards', 'user\u202enimda\u202c \u2066x\u2069', 'usernimda x'],
    ['eight-bit commands', '\x9b2Jafter', '2Jafter'],
    ['HTML stays text', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ])('takes away %s', (_, line, shown) => {
    expect(plainText(line)).toBe(shown)
    expect(coloured(line)).toBe(shown)
  })
})
