// What the audit makes of answers of its scanners: `node --test scripts/audit.test.mjs`.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { found, json, verdict } from './verdict.mjs';

const outcome = (result, findings) => {
  const { passed, failed, skipped } = verdict(result, findings);
  return passed ? 'passed' : failed ? 'failed' : skipped ? 'skipped' : 'nothing';
};

it('a finding is a failure, whatever its text looks like and however the scanner ended', () => {
  const npm = json(
    'npm warn x\n' +
      JSON.stringify({
        metadata: { vulnerabilities: { high: 1 } },
        vulnerabilities: { a: { name: 'undici', severity: 'high', range: '404 - 502 ' } },
      }),
  );
  const grype = {
    matches: [
      { vulnerability: { id: 'CVE-2024-24401', severity: 'High' }, artifact: { name: 'dial tcp' } },
      { vulnerability: { id: 'CVE-2024-24402', severity: 'Low' }, artifact: { name: 'b' } },
    ],
  };
  const trivy = {
    SchemaVersion: 2,
    Results: [
      {},
      { Vulnerabilities: [{ VulnerabilityID: 'CVE-2024-24401', PkgName: 'ECONNREFUSED' }] },
    ],
  };
  for (const findings of [found.npm(npm), found.grype(grype), found.trivy(trivy)]) {
    assert.equal(findings.length, 1);
    for (const code of [0, 1, 2, 3])
      assert.equal(outcome({ code, output: 'CVE-2024-24401 404 dial tcp' }, findings), 'failed');
  }
});

it('nothing found passes only where the scanner says so and ends well', () => {
  assert.deepEqual(found.npm({ metadata: { vulnerabilities: {} }, vulnerabilities: {} }), []);
  assert.deepEqual(found.trivy({ SchemaVersion: 2 }), []);
  assert.deepEqual(found.grype({ matches: [] }), []);
  assert.equal(outcome({ code: 0, output: '' }, []), 'passed');
  assert.equal(outcome({ code: 1, output: 'dial tcp: no such host' }, []), 'failed');
  for (const read of Object.values(found)) assert.equal(read(json('no answer')), undefined);
  assert.equal(outcome({ code: 0, output: '' }, undefined), 'failed');
});

it('a database that can’t be reached is skipped, and no other fault is', () => {
  for (const output of [
    'govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/db.json.gz": dial tcp: lookup vuln.go.dev: no such host',
    'govulncheck: HTTP GET https://vuln.go.dev/index/db.json.gz returned unexpected status: 403 Forbidden',
    '{"message":"request to https://registry.npmjs.org/-/npm/v1/security/audits/quick failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org"}',
    '{"error":{"code":"ENOAUDIT","summary":"audit endpoint returned an error"}}',
    '{\n  "uri": "https://registry.npmjs.org/-/npm/v1/security/audits/quick",\n  "statusCode": 405,\n  "body": ""\n}',
    'FATAL failed to download vulnerability DB: Get "https://ghcr.io/v2/": read tcp: i/o timeout',
  ])
    assert.equal(outcome({ code: 1, output }, undefined), 'skipped', output);
  for (const output of [
    'CVE-2024-24401 openssl',
    'CVE-2024-50123 libx 5.4.1',
    '404 packages were read, and then it crashed',
    '{"error":{"code":"ENOLOCK","summary":"This command requires an existing lockfile."}}',
    'panic: runtime error',
    'go: module lookup disabled by GOFLAGS=-mod=vendor',
    '',
  ])
    assert.equal(outcome({ code: 1, output }, undefined), 'failed', output);
});
