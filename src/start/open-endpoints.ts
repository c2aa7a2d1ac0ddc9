import type { LoadedApiKeys } from '../config/api-keys.ts';
import type { Settings } from '../config/environment.ts';
import { EventEndpoints } from '../config/event-endpoints.ts';
import { formatRulesetError } from '../config/ruleset-error.ts';
import type { EventEndpoint, Observer } from '../gateway/ports.ts';
import type { Log } from '../telemetry/log.ts';
import { credentialSources } from './this-process.ts';

/**
 * Whom events are told to; an edit of the file that is refused is logged and alerted, and changes nothing.
 * @throws EventEndpointsError when the file is bad
 */
export function openEndpoints(
  settings: Settings,
  keys: LoadedApiKeys,
  log: Log,
  observer: Pick<Observer, 'alert'>,
): EventEndpoints {
  const tell = (endpoints: readonly EventEndpoint[]) => {
    const enabled = endpoints.filter((endpoint) => endpoint.enabled);
    const ids = endpoints.map(({ id }) => id).join(',');
    log.info('event_endpoints', { endpoints: ids, enabled: enabled.length });
    for (const { id, account } of enabled) {
      if (keys.keys.some((key) => key.account === account)) continue;
      const warning = 'no API key belongs to this account: nothing can happen that it is told of';
      log.warn('event_endpoint_account', { endpoint: id, account, warning });
    }
  };
  const endpoints = new EventEndpoints({
    file: settings.eventEndpointsFile,
    credentials: credentialSources(),
    onChanged: tell,
    onRejected(errors) {
      for (const error of errors)
        log.error('event_endpoints_refused', { problem: formatRulesetError(error) });
      const detail = 'EVENT_ENDPOINTS_FILE is refused, as the log says; the endpoints before stay in force';
      observer.alert({ kind: 'event_endpoints_refused', detail, authorizationId: null });
    },
  });
  if (settings.eventEndpointsFile !== null) tell(endpoints.current());
  return endpoints;
}
