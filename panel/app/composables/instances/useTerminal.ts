/** xterm.js in an element: writes lines, follows the end unless somebody scrolls up, finds text. */
import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'

interface Words {
  missing: (count: number) => string
  restarted: string
}

export function useTerminal(element: Ref<HTMLElement | null>) {
  const terminal = new Terminal({
    disableStdin: true,
    cursorInactiveStyle: 'none',
    cursorBlink: false,
    scrollback: 10_000,
    fontFamily: '"JetBrains Mono Variable", ui-monospace, monospace',
    fontSize: 13,
    theme: { background: '#0b1220', foreground: '#d8dee9', cursor: '#0b1220' },
    screenReaderMode: true,
    allowProposedApi: true,
  })
  const fit = new FitAddon()
  const search = new SearchAddon()
  const following = ref(true)
  terminal.loadAddon(fit)
  terminal.loadAddon(search)
  terminal.onScroll(look)

  function look() {
    const { viewportY, baseY } = terminal.buffer.active
    following.value = viewportY >= baseY
  }

  onMounted(() => {
    if (!element.value) return
    terminal.open(element.value)
    fit.fit()
    element.value.addEventListener('wheel', () => requestAnimationFrame(look), { passive: true })
  })
  useResizeObserver(element, () => fit.fit())
  onBeforeUnmount(() => terminal.dispose())

  function write(parts: ConsolePart[], words: Words) {
    const text = parts.map((part) => {
      if ('missing' in part) return `\x1b[33m… ${words.missing(part.missing)}\x1b[0m`
      if ('restarted' in part) return `\x1b[36m── ${words.restarted} ──\x1b[0m`
      return `${coloured(part.text)}\x1b[0m`
    })
    terminal.write(text.join('\r\n') + '\r\n')
  }

  function find(query: string, forward: boolean) {
    const options = { decorations: { matchOverviewRuler: '#f59e0b', activeMatchColorOverviewRuler: '#f59e0b', matchBackground: '#78350f', activeMatchBackground: '#b45309' } }
    if (forward) search.findNext(query, options)
    else search.findPrevious(query, options)
  }

  function toEnd() {
    terminal.scrollToBottom()
    following.value = true
  }

  return { write, find, toEnd, following }
}
