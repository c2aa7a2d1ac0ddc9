/**
 * What `GET /` on the control port says.
 * @param providers base URL by provider id
 */
export function helpText(controlUrl: string, providers: Readonly<Record<string, string>>): string {
  const list = Object.entries(providers).map(([id, url]) => `  ${id.padEnd(16)} ${url}`);
  const [id, url] = Object.entries(providers)[0] ?? ['sandbox-a', 'http://127.0.0.1:8091'];
  return TEXT.replaceAll('{list}', list.join('\n'))
    .replaceAll('{first}', id)
    .replaceAll('{url}', url)
    .replaceAll('{control}', controlUrl);
}

const TEXT = `SANDBOX PSP: payment providers to learn and test with. No real money, no real cards.

PROVIDERS (each has its own port; every call but GET /healthz needs Authorization: Bearer <api key>)
{list}

AUTHORIZE
  curl -X POST {url}/v1/authorizations -H 'Authorization: Bearer sandbox-key' \\
    -H 'Idempotency-Key: key-1' -d '{"reference":"attempt-1","merchant":"acme-eu",
    "amount":{"value":4999,"currency":"EUR"},"token":"tok_visa","brand":"visa",
    "initiator":"customer","capture":"manual"}'
  The same key with the same body gives the same answer again; with another body 422; while it runs 409.

TOKENS
  tok_visa, or any other      approved
  tok_decline_51              declined with this network code: 05 14 41 51 54 57 59 62 65 91 96 1A ZZ ...
  tok_decline_05_mac_03       the same with a merchant advice code
  tok_decline_hidden          declined after the issuer had approved; a void ends the hold
  tok_partial_40              approved for 40 percent
  tok_3ds                     the cardholder must authenticate
  tok_pending                 pending until POST /settlements;  tok_pending_1500: approved after 1.5 s
  tok_approved_mac_41         approved, with a merchant advice code beside it ("advice": "41")
  tok_capture_fails           approved; captures are refused with 409 capture_refused, voids work
  tok_risk                    blocked by the provider's risk engine
  tok_not_supported           422, not processed               tok_invalid: 400, not processed

ASK AND FOLLOW ON (the last four need their own Idempotency-Key)
  GET  /v1/authorizations/{id}     GET /v1/authorizations?reference=attempt-1
  POST /v1/authorizations/{id}/captures   {"amount":{"value":1000,"currency":"EUR"}}, or {}: the rest
  POST /v1/authorizations/{id}/refunds    the same
  POST /v1/authorizations/{id}/voids      {}
  POST /v1/voids                          {"reference":"attempt-1"}
  curl -X POST {url}/v1/voids -H 'Authorization: Bearer sandbox-key' \\
    -H 'Idempotency-Key: key-2' -d '{"reference":"attempt-1","operation_reference":"void-1"}'
  The first three take a "reference" of yours, 1 to 64 visible ASCII; POST /v1/voids takes it as
  "operation_reference". Answers: 200 {id, authorization_id, authorization_reference, status: confirmed, reference, amount}; 409 when the
  state does not allow it. The inquiry shows "operations": [{id, operation, reference, status, amount}] with the
  status pending, confirmed or failed; at most 100 for an authorization. Replays of the authorization show none.

ON THIS PORT
  GET  /ledger                what the providers really did; filters: provider reference reference_prefix
                              merchant merchant_reference live=true limit (limit=0: only totals)
  GET  /providers             id, url, state
  POST /reset                 empties ledger, keys, faults, traits, world and past events
  POST /faults                GET /faults     DELETE /faults     DELETE /faults/<id>
  PUT  /traits                GET /traits     DELETE /traits
  PUT  /world                 GET /world      DELETE /world
  PUT  /webhooks              GET /webhooks   DELETE /webhooks
  POST /webhooks/resend       GET /webhooks/events?limit=100     past events, oldest first
  POST /settlements           {"reference":"attempt-1","status":"authorized"}, or declined with network_code
                              "overturn": true with authorized: of one that was declined or voided

FAULTS
  curl -X POST {control}/faults -d '{"provider":"{first}","kind":"reset_after"}'
  Once by default; "times": 3, or null until removed. "probability": 0.2. "provider": "*" for all.
  "operation": authorize (default) inquire void capture refund.
  "match": {"token","brand","reference_prefix","merchant"}, all that are given must fit.
  refuse            port closed: connections refused, open ones dropped, until removed or "duration_ms"
  reset_before      connection reset, nothing processed
  reset_after       processed, then connection reset
  hang              never answers; "processed": true or false (default)
  late              processed at once, answered after "delay_ms" (default 1000)
  slow              in progress for "delay_ms", then processed and answered
  slow_drip         processed; the body drips for "delay_ms"
  rate_limited      429, not processed, "retry_after" seconds
  unauthorized      401, not processed
  error             "status" (default 500). "processed": true: kept and repeated under the key.
                    Otherwise X-Not-Processed: true, unless "ambiguous": true or the payment was known before
  refused           409 invalid_state, not processed (void, capture and refund only); a repeat of what was
                    carried out is answered as ever
  truncated         processed; half of the answer, then the end
  wrong_length      processed; all of the answer under a greater Content-Length, then the end
  garbage           processed; 200 with HTML
  gzip_bomb         processed; 200, less than 100 kB of gzip that become the answer after 64 MiB of blanks
  wrong_amount      processed; the answer shows another amount
  wrong_currency    processed; the answer shows another currency
  wrong_reference   processed; the answer names another reference
  duplicate         arrives twice under its key: processed once, "asked" is 2, the event comes twice
  webhook_first     the event comes before the answer; no matter for operations that are "received"
  webhook_late      the event comes after "delay_ms"
  webhook_twice     the event comes twice
  reset_after, hang, late, slow_drip, truncated, wrong_length, garbage and gzip_bomb spoil the way, not the
  truth: a replay or an inquiry tells it.

TRAITS: how a provider behaves by contract. Left out: the default, which comes first. They hold from when they
are set, also for what is there already; an operation keeps those of its answer.
  curl -X PUT {control}/traits -d '{"provider":"{first}","operations":"received","operation_delay_ms":2000}'
  replay                      same_answer: answers are kept and repeated under their key, 5xx after processing too
                              success_only: 4xx and 5xx are not kept; the same key again is a NEW payment
  key_lifetime_ms             null; after it a key is forgotten, and the same key is a NEW payment
  inquiry_delay_ms            0; inquiries show no authorization, operation or effect of one that is younger
  operations                  confirmed: voids, captures and refunds take effect, then answer 200
                              received: they answer 202 with the status received and take effect, or fail,
                              later; the inquiry shows them as pending until then, an event tells the end
  operation_delay_ms          500; of received: how much later
  operation_result            confirmed; failed, of received: they fail. One that another one overtook fails too
  void_unknown                not_found: POST /v1/voids for a reference that is not known answers 404
                              ok: 200 {"status":"nothing_found"}, also for one that is still in progress, which
                              then lands; its key stays free
  authorization_validity_ms   null; after it an authorization without a capture is expired: not live, 409 for
                              operations. No event tells it

WORLD (seeded: the same seed, provider and reference meet the same fate, in any order)
  curl -X PUT {control}/world -d '{"seed":7,"approval":0.9,"latency":{"p50_ms":80,"p95_ms":200},
    "providers":{"{first}":{"approval":0.85,"by_brand":{"amex":-0.2},"by_bin_prefix":{"4571":0.05},
    "by_hour_utc":{"3":-0.1},"declines":{"51":40,"05":30,"91":5}}},
    "outages":[{"provider":"{first}","from_ms":10000,"for_ms":20000,"kind":"error","share":0.8}],
    "issuer_outages":[{"bin_prefix":"4571","from_ms":0,"for_ms":60000}]}'
  Magic tokens keep their meaning. "latency":{"p50_ms":0} answers at once.

WEBHOOKS (to this machine only)
  curl -X PUT {control}/webhooks -d '{"url":"http://127.0.0.1:8080/v1/webhooks/{provider}","secret":"whsec"}'
  Sandbox-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" with the secret>
  Types: authorization.<status>, void.confirmed, void.failed, the same of capture and refund. Up to 5 tries.
  Body: {id, type, created, provider, data}. Data of authorizations: the inquiry and "merchant". Of operations:
  {id, authorization_id, authorization_reference, status, reference, amount}.
  curl -X POST {control}/webhooks/resend -d '{"id":"<id of an event>","age_s":400}'
  sends one of the last 10000 once more, signed as if "age_s" seconds ago, once; answers {id, signed_at, status}
  with the status that the receiver gave, null when it gave none.
`;
