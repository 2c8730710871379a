import { shellWord } from '../shell-word.ts'
import type { Answers } from './answers.ts'
import { clusterSteps } from './cluster-steps.ts'
import { sampleOf } from './sample.ts'
import type { Step } from './step.ts'

/** The steps from the files to an API that is protected. Every command runs as it stands, in the directory of the files. */
export function nextSteps(answers: Answers, configuration: string): readonly Step[] {
  if (answers.dev) return developmentSteps(answers)
  const { target } = answers
  return target === 'envoy' ? envoySteps(answers) : clusterSteps(answers, configuration, target)
}

const check = 'npx envoy-fapi config check envoy-fapi.yaml'
const test = 'npx envoy-fapi test --config envoy-fapi.yaml envoy-fapi-tests.yaml'
const serve = 'npx envoy-fapi serve --config envoy-fapi.yaml > envoy-fapi.log &'
const envoy = 'envoy -c envoy.yaml --log-path envoy.log > access.log &'
const ready = 'curl --silent --fail --retry 60 --retry-delay 1 --retry-all-errors http://127.0.0.1:9192/readyz'

function developmentSteps({ origin, host, issuer, path, scopes, upstream }: Answers): readonly Step[] {
  const url = shellWord(`${origin}${sampleOf(path)}`)
  const connect = '127.0.0.1:8443'
  const scope = shellWord(scopes.join(' '))
  const token = `npx envoy-fapi mint token --new-keys --key as.jwk --jkt client.jwk --issuer ${shellWord(issuer)} --audience ${origin} --client-id tpp --scope ${scope} > token`
  const loopback = upstream.host === '127.0.0.1'
  const through = `--cacert server.pem --connect-to ::${connect}`
  return [
    {
      title: 'A certificate for Envoy, and a token with the keys that stand in for your authorization server.',
      commands: [
        `openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=dev -addext subjectAltName=DNS:${host} -keyout server.key -out server.pem`,
        token,
      ],
    },
    { title: 'Is the configuration right, and does it stop a thief?', commands: [check, test] },
    {
      title:
        'Start the service, Envoy 1.40 and something that stands in for your API; the service wants eleven seconds.',
      commands: [
        serve,
        envoy,
        ...(loopback
          ? [
              `python3 -m http.server ${upstream.port} --bind 127.0.0.1 --directory "$(mktemp -d)" > upstream.log 2>&1 &`,
            ]
          : []),
        ready,
      ],
    },
    {
      title: 'Without a token: 401. With one, and a proof that its key is yours: the answer of the API.',
      commands: [
        `curl --silent --show-error --include --write-out '\\n' ${through} ${url}`,
        `eval "$(npx envoy-fapi mint curl --key client.jwk --token "$(cat token)" --cacert server.pem --connect ${connect} GET ${url})"`,
      ],
    },
  ]
}

const envoySteps = ({ binding }: Answers): readonly Step[] => [
  {
    title: `Put beside envoy.yaml: server.pem and server.key, what clients see${binding === 'dpop' ? '' : '; client-ca.pem, who may issue client certificates'}.`,
    commands: [],
  },
  {
    title: 'Are both files right, and does the configuration stop a thief?',
    commands: [check, test, 'npx envoy-fapi lint envoy.yaml'],
  },
  {
    title: 'Start the service and Envoy 1.40; the service is ready after eleven seconds.',
    commands: [serve, envoy, ready],
  },
]
