import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { problemText, type AnyProblem } from '~/utils/problemText'
import de from '../../i18n/de.json'

const { t, te } = createI18n({ legacy: false, locale: 'de', messages: { de: de as never } }).global
const german = (problem: Partial<AnyProblem> & { code: string }) => problemText({ message: 'In English.', ...problem }, { t, te, locale: 'de' })

describe('problems in the page\'s language', () => {
  it('say the cause by its code', () => {
    const exited = { code: 'exited_at_once', params: { instance: 'lobby', why: 'exit code 2 (its configuration is wrong)', why_code: 'fault', exit_code: '2' } }
    expect(german(exited).title).toBe('Der Server von lobby endete mit Exit-Code 2 (die Konfiguration ist falsch), bevor er spielbereit war.')
    const silent = { code: 'hung', params: { instance: 'lobby', why: 'port game did not answer, 3 times in a row.', why_code: 'port', port: 'game', times: '3' } }
    expect(german(silent).title).toContain('Port game antwortete 3-mal nacheinander nicht.')
  })

  it('say the cause as it was put where nobody gave its code', () => {
    expect(german({ code: 'exited', params: { instance: 'lobby', why: 'exit code 9' } }).title).toBe('Der Server von lobby endete mit exit code 9.')
  })

  it('say another problem that was the last of many', () => {
    const params = { instance: 'lobby', count: '5', seconds: '600.0', why: 'The server …', last_code: 'exited', last_instance: 'lobby', last_why: 'exit code 1', last_why_code: 'exit', last_exit_code: '1' }
    expect(german({ code: 'crash_loop', params }).title).toBe('lobby wurde 5-mal in 600 s neu gestartet und wird in Ruhe gelassen. Zuletzt: Der Server von lobby endete mit Exit-Code 1.')
  })

  it('translate states and roles that they name', () => {
    expect(german({ code: 'instance_not_running', params: { instance: 'lobby', state: 'stopped' } }).title).toContain('„Gestoppt“')
  })

  it('advise what fits the cause', () => {
    const told = german({ code: 'cannot_move', params: { instance: 'lobby', why: 'it is on oak already', why_code: 'there', node: 'oak', remedy: 'Name another node.' } })
    expect(told).toEqual({ title: 'lobby kann nicht umgezogen werden: sie ist schon auf oak.', remedy: 'Einen anderen Node nennen.' })
  })

  it('keep the words of codes that nobody has translated', () => {
    expect(german({ code: 'from_the_future', remedy: 'Wait.' })).toEqual({ title: 'In English.', remedy: 'Wait.' })
  })
})
