/** Keep fresh what no event tells of: driven by the live stream alone, so that nothing is asked while it is lost. */
import { useDocumentVisibility } from '@vueuse/core'
import { pulses } from '../../utils/listeners'

/** `act` when the Brain is heard and the last time is `ms` ago, as long as somebody looks at the page. */
export function useFresh(act: () => Promise<unknown> | unknown, ms: () => number) {
  const visibility = useDocumentVisibility()
  let last = Date.now()
  let busy = false

  async function turn() {
    if (busy || visibility.value !== 'visible' || Date.now() - last < ms()) return
    busy = true
    try {
      await act()
    } finally {
      last = Date.now()
      busy = false
    }
  }

  pulses.add(() => void turn())
}
