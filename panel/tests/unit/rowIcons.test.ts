import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { STATE_LOOKS } from '~/utils/states'

it('has a letter for the icon of every state', () => {
  const styles = readFileSync('app/assets/css/row-icons.css', 'utf8')
  for (const { icon } of Object.values(STATE_LOOKS)) expect(styles).toContain(`.row-icon.${icon}::before`)
})
