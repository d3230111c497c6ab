/** The certificate authorities, and replacing the one that serves; read again often while nodes change over. */
import { getAuthorities, retireAuthority, rotateAuthority, type AuthoritiesOut } from '~/api'

const ROTATING_MS = 3000
const IDLE_MS = 60_000

export function useAuthority() {
  const { t } = useI18n()
  const tell = useTell()
  const authorities = shallowRef<AuthoritiesOut | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const busy = ref(false)

  async function load(): Promise<void> {
    try {
      authorities.value = await ask(getAuthorities())
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    }
  }

  /** Whoever was slower is told so, and sees how things stand now. */
  async function run(act: () => Promise<AuthoritiesOut>, said: string): Promise<boolean> {
    busy.value = true
    const done = await tell.tryTo(async () => (authorities.value = await act()), said)
    busy.value = false
    if (!done) await load()
    return done
  }

  const rotate = () => run(() => ask(rotateAuthority()), t('authority.did.rotate'))
  const retire = (force: boolean) => run(() => ask(retireAuthority({ body: { force } })), t('authority.did.retire'))

  useLive().onEvents((events) => {
    if (events.some(event => event.kind.startsWith('authority.') || event.kind.startsWith('node.'))) void load()
  })
  void load()
  useFresh(load, () => (authorities.value?.rotating ? ROTATING_MS : IDLE_MS))
  return { authorities, problem, busy, load, rotate, retire }
}
