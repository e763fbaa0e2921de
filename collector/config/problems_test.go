package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"geelark_exporter/collector/watch"
)

// broken are files with all that Load says about them. A secret is s3cret
// wherever there is one.
var broken = []struct{ name, file, want string }{
	{
		name: "an empty file",
		file: "",
		want: `accounts.yml: is empty: it must list at least one account`,
	},
	{
		name: "a file of comments",
		file: "# nothing\n",
		want: `accounts.yml: is empty: it must list at least one account`,
	},
	{
		name: "a second document",
		file: "accounts: [{name: a, token_file: token}]\n---\naccounts: []\n",
		want: `accounts.yml:2: a second YAML document begins here: put everything into one`,
	},
	{
		name: "something behind the end of the document",
		file: "accounts: []\n...\n}",
		want: `accounts.yml:3: is not valid YAML: did not find expected node content while parsing a block node; check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "an open quote",
		file: "accounts:\n- name: \"s3cret\n  token_file: token\n",
		want: `accounts.yml:4: is not valid YAML: found unexpected end of stream while scanning a quoted scalar that begins in line 2; check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "an open bracket",
		file: "accounts: [\n",
		want: `accounts.yml:2: is not valid YAML: did not find expected node content while parsing a flow node; check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "a tab for indentation",
		file: "accounts:\n\t- name: a\n",
		want: `accounts.yml:2: is not valid YAML: found character that cannot start any token while scanning for the next token; check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "a colon too many",
		file: "accounts:\n- name: a\n  token_env: s3cret: s3cret\n",
		want: `accounts.yml:3: is not valid YAML: mapping values are not allowed in this context; check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "a control character",
		file: "accounts:\n- name: s3cret\x00\n",
		want: `accounts.yml:2: is not valid YAML: control characters are not allowed (value: 0); check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "a file that is not UTF-8",
		file: "accounts: s3cret\xff\n",
		want: `accounts.yml:1: is not valid YAML: invalid leading UTF-8 octet (value: 255); check quotes, brackets, and indentation, which is of spaces only`,
	},
	{
		name: "a file that is a list",
		file: "- name: a\n",
		want: `accounts.yml: must be a mapping of "field: value"`,
	},
	{
		name: "a file that is text",
		file: "s3cret\n",
		want: `accounts.yml: must be a mapping of "field: value"`,
	},
	{
		name: "an alias without an anchor",
		file: "accounts:\n- name: a\n  token_env: *s3cret\n",
		want: `accounts.yml:3: a value must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes`,
	},
	{
		name: "an anchor and aliases",
		file: "accounts:\n- &a {name: a, token_file: token}\n- *a\n",
		want: `
accounts.yml:2: accounts[0]: must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes
accounts.yml:3: accounts[1]: must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes`,
	},
	{
		name: "an anchor of itself",
		file: "accounts: &a [*a]\n",
		want: `accounts.yml:1: accounts must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes`,
	},
	{
		name: "a value that YAML takes for an anchor",
		file: "accounts:\n- name: a\n  token_env: &s3cret\n",
		want: `accounts.yml:3: accounts[0] "a": token_env must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes`,
	},
	{
		name: "a value that YAML takes for a tag",
		file: "accounts:\n- name: a\n  token_env: !s3cret\n",
		want: `accounts.yml:3: accounts[0] "a": token_env must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes`,
	},
	{
		name: "a merge key",
		file: "defaults: &d {timeout: 1s}\naccounts:\n- <<: *d\n  name: a\n  token_file: token\n",
		want: `
accounts.yml:1: defaults: must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes
accounts.yml:3: accounts[0] "a": the name of a field must be plain text: YAML anchors, aliases, tags and merge keys are not taken`,
	},
	{
		name: "a list for a name of a field",
		file: "accounts:\n- ? [a]\n  : b\n  name: a\n  token_file: token\n",
		want: `accounts.yml:2: accounts[0] "a": the name of a field must be plain text: YAML anchors, aliases, tags and merge keys are not taken`,
	},
	{
		name: "a line break in the name of a label",
		file: "accounts:\n- name: a\n  token_file: token\n  labels: {\"a\\nb\": c}\n",
		want: `accounts.yml:4: accounts[0] "a": the name of a field must be plain text: YAML anchors, aliases, tags and merge keys are not taken`,
	},
	{
		name: "a line break in a value",
		file: "accounts:\n- name: \"a\\nb\"\n  token_file: |\n    token\n",
		want: `
accounts.yml:2: accounts[0] "a\nb": name must not hold line breaks, tabs or control characters
accounts.yml:3: accounts[0] "a\nb": token_file must not hold line breaks, tabs or control characters`,
	},
	{
		name: "no accounts",
		file: "defaults: {timeout: 1s}\n",
		want: `accounts.yml: accounts must be a list of at least one account`,
	},
	{
		name: "an empty list of accounts",
		file: "accounts: []\n",
		want: `accounts.yml:1: accounts must be a list of at least one account`,
	},
	{
		name: "accounts by name",
		file: "accounts:\n  a: {token_file: token}\n",
		want: `accounts.yml:1: accounts must be a list of at least one account`,
	},
	{
		name: "an account that is text",
		file: "accounts:\n- s3cret\n",
		want: `accounts.yml:2: accounts[0]: must be a mapping of "field: value"`,
	},
	{
		name: "defaults without fields",
		file: "defaults:\naccounts: [{name: a, token_file: token}]\n",
		want: `accounts.yml:1: defaults: must be a mapping of "field: value"`,
	},
	{
		name: "an unknown section",
		file: "acounts: []\nglobal: {}\naccounts: [{name: a, token_file: token}]\n",
		want: `
accounts.yml:1: unknown field acounts: did you mean accounts?
accounts.yml:2: unknown field global: use one of accounts, defaults`,
	},
	{
		name: "an account without fields",
		file: "accounts:\n- {}\n",
		want: `
accounts.yml:2: accounts[0]: has no credentials: give token_file or token_env, or app_id with api_key_file or api_key_env
accounts.yml:2: accounts[0]: has no name: give it one, which becomes the label account`,
	},
	{
		name: "an unknown field that resembles a known one",
		file: "accounts:\n- name: a\n  token_flie: token\n  phones:\n    id: [1]\n    discover: {group: [x]}\n",
		want: `
accounts.yml:2: accounts[0] "a": has no credentials: give token_file or token_env, or app_id with api_key_file or api_key_env
accounts.yml:3: accounts[0] "a": unknown field token_flie: did you mean token_file?
accounts.yml:5: accounts[0] "a": unknown field id in phones: did you mean ids?
accounts.yml:6: accounts[0] "a": unknown field group in phones.discover: did you mean groups?`,
	},
	{
		name: "an unknown field that resembles none",
		file: "accounts:\n- name: a\n  token_file: token\n  proxy_url: s3cret\n  s3cret: 1\n  phones: {s3cret: 1, discover: {" + strings.Repeat("s3cret", 20) + ": 1}}\n",
		want: `
accounts.yml:4: accounts[0] "a": unknown field proxy_url: use one of api_key_env, api_key_file, app_id, app_id_env, base_url, billing_interval, cache_ttl, concurrency, inventory_interval, labels, limit_share, max_staleness, name, phones, requests_per_hour, requests_per_minute, timeout, token_env, token_file
accounts.yml:5: accounts[0] "a": unknown field: use one of api_key_env, api_key_file, app_id, app_id_env, base_url, billing_interval, cache_ttl, concurrency, inventory_interval, labels, limit_share, max_staleness, name, phones, requests_per_hour, requests_per_minute, timeout, token_env, token_file
accounts.yml:6: accounts[0] "a": unknown field in phones.discover: use one of charge_mode, groups, tags
accounts.yml:6: accounts[0] "a": unknown field in phones: use one of discover, ids, ids_file`,
	},
	{
		name: "letters in the wrong order, dashes and a missing name",
		file: "accounts:\n- naem: a\n  name: a\n  token-file: token\n  token_file: token\n  '': s3cret\n  phones: {discover: {'': s3cret}}\n",
		want: `
accounts.yml:2: accounts[0] "a": unknown field naem: did you mean name?
accounts.yml:4: accounts[0] "a": unknown field token-file: did you mean token_file?
accounts.yml:6: accounts[0] "a": unknown field: use one of api_key_env, api_key_file, app_id, app_id_env, base_url, billing_interval, cache_ttl, concurrency, inventory_interval, labels, limit_share, max_staleness, name, phones, requests_per_hour, requests_per_minute, timeout, token_env, token_file
accounts.yml:7: accounts[0] "a": unknown field in phones.discover: use one of charge_mode, groups, tags`,
	},
	{
		name: "a secret in the file",
		file: "accounts:\n- name: a\n  token: s3cret\n- name: b\n  app_id: b\n  api_key: s3cret\n",
		want: `
accounts.yml:2: accounts[0] "a": has no credentials: give token_file or token_env, or app_id with api_key_file or api_key_env
accounts.yml:3: accounts[0] "a": unknown field token: a secret does not stand in this file, give token_file or token_env
accounts.yml:5: accounts[1] "b": app_id needs api_key_file or api_key_env beside it
accounts.yml:6: accounts[1] "b": unknown field api_key: a secret does not stand in this file, give api_key_file or api_key_env`,
	},
	{
		name: "what defaults cannot have",
		file: "defaults: {name: a, labels: {a: b}, token_env: TOKEN, phones: {ids: [1], discover: {tags: [x]}}}\naccounts: [{name: a, token_file: token}]\n",
		want: `
accounts.yml:1: defaults: unknown field labels: use one of base_url, billing_interval, cache_ttl, concurrency, inventory_interval, limit_share, max_staleness, requests_per_hour, requests_per_minute, timeout
accounts.yml:1: defaults: unknown field name: use one of base_url, billing_interval, cache_ttl, concurrency, inventory_interval, limit_share, max_staleness, requests_per_hour, requests_per_minute, timeout
accounts.yml:1: defaults: unknown field phones: use one of base_url, billing_interval, cache_ttl, concurrency, inventory_interval, limit_share, max_staleness, requests_per_hour, requests_per_minute, timeout
accounts.yml:1: defaults: unknown field token_env: use one of base_url, billing_interval, cache_ttl, concurrency, inventory_interval, limit_share, max_staleness, requests_per_hour, requests_per_minute, timeout`,
	},
	{
		name: "fields given twice",
		file: "accounts:\n- name: a\n  token_file: token\n  timeout: 1s\n  labels: {a: b, a: c}\n  timeout: 2s\ndefaults: {}\ndefaults: {}\n",
		want: `
accounts.yml:5: accounts[0] "a": labels.a is given already in line 5: keep one of them
accounts.yml:6: accounts[0] "a": timeout is given already in line 4: keep one of them
accounts.yml:8: defaults is given already in line 7: keep one of them`,
	},
	{
		name: "a secret in place of every value",
		file: "accounts:\n- name: a\n  token_file: s3cret\n  base_url: user:s3cret@host\n  timeout: s3cret\n  concurrency: s3cret\n  phones: {discover: {charge_mode: s3cret}}\n  labels: s3cret\n",
		want: `
accounts.yml:3: accounts[0] "a": token_file cannot be read: no such file or directory; a relative path starts from this file's directory
accounts.yml:4: accounts[0] "a": base_url is not valid: the API's address must look like https://openapi.geelark.com
accounts.yml:5: accounts[0] "a": timeout must be a duration such as 30s, 5m, 1h30m or 1d
accounts.yml:6: accounts[0] "a": concurrency must be a whole number
accounts.yml:7: accounts[0] "a": phones.discover.charge_mode must be monthly or per_minute
accounts.yml:8: accounts[0] "a": labels must be a mapping of "field: value"`,
	},
	{
		name: "a secret in place of its file's and variable's name",
		file: "accounts:\n- {name: a, token_env: s3cret}\n- {name: b, app_id_env: s3cret, api_key_env: s3cret}\n- {name: c, app_id: c, api_key_file: s3cret}\n- {name: d, token_file: token, phones: {ids_file: s3cret}}\n",
		want: `
accounts.yml:2: accounts[0] "a": token_env must be the name of an environment variable that is set and not empty
accounts.yml:3: accounts[1] "b": api_key_env must be the name of an environment variable that is set and not empty
accounts.yml:3: accounts[1] "b": app_id_env must be the name of an environment variable that is set and not empty
accounts.yml:4: accounts[2] "c": api_key_file cannot be read: no such file or directory; a relative path starts from this file's directory
accounts.yml:5: accounts[3] "d": phones.ids_file cannot be read: no such file or directory; a relative path starts from this file's directory`,
	},
	{
		name: "wrong types",
		file: "accounts:\n- name: [a]\n  token_file: {a: b}\n  timeout: 5\n  concurrency: 1.5\n  max_staleness: -1s\n  phones: []\n  labels: {a: [b]}\n",
		want: `
accounts.yml:2: accounts[0]: name must be text that is not empty
accounts.yml:3: accounts[0]: token_file must be the path of a file
accounts.yml:4: accounts[0]: timeout must be a duration such as 30s, 5m, 1h30m or 1d
accounts.yml:5: accounts[0]: concurrency must be a whole number
accounts.yml:6: accounts[0]: max_staleness must be a duration such as 30s, 5m, 1h30m or 1d
accounts.yml:7: accounts[0]: phones must be a mapping of "field: value"
accounts.yml:8: accounts[0]: labels.a must be text that is not empty`,
	},
	{
		name: "lists of the wrong kind",
		file: "accounts:\n- name: a\n  token_file: token\n  phones: {discover: {groups: x, tags: [[x], ~, '']}}\n- name: b\n  token_env: TOKEN\n  phones: {ids: {1: 2}}\n",
		want: `
accounts.yml:4: accounts[0] "a": phones.discover.groups must be a list
accounts.yml:4: accounts[0] "a": phones.discover.tags[0] must be text that is not empty
accounts.yml:4: accounts[0] "a": phones.discover.tags[1] must be text that is not empty
accounts.yml:4: accounts[0] "a": phones.discover.tags[2] must be text that is not empty
accounts.yml:7: accounts[1] "b": phones.ids must be a list`,
	},
	{
		name: "no values",
		file: "accounts:\n- name:\n  token_file: ''\n  timeout:\n  concurrency: ~\n  labels:\n  phones:\n",
		want: `
accounts.yml:2: accounts[0]: name must be text that is not empty
accounts.yml:3: accounts[0]: token_file must be the path of a file
accounts.yml:4: accounts[0]: timeout must be a duration such as 30s, 5m, 1h30m or 1d
accounts.yml:5: accounts[0]: concurrency must be a whole number
accounts.yml:6: accounts[0]: labels must be a mapping of "field: value"
accounts.yml:7: accounts[0]: phones must be a mapping of "field: value"`,
	},
	{
		name: "names given twice",
		file: "accounts:\n- name: a\n  token_file: token\n- token_env: TOKEN\n  name: a\n",
		want: `accounts.yml:5: accounts[1] "a": name is that of the account in line 2 too: choose another`,
	},
	{
		name: "a name that is no label",
		file: "accounts:\n- name: team a\n  token_file: token\n",
		want: `accounts.yml:2: accounts[0] "team a": name must be of letters, digits, dots, dashes and underscores, is "team a"`,
	},
	{
		name: "an account without credentials",
		file: "accounts:\n- name: a\n",
		want: `accounts.yml:2: accounts[0] "a": has no credentials: give token_file or token_env, or app_id with api_key_file or api_key_env`,
	},
	{
		name: "an app id without a key",
		file: "accounts:\n- name: a\n  app_id: a\n",
		want: `accounts.yml:3: accounts[0] "a": app_id needs api_key_file or api_key_env beside it`,
	},
	{
		name: "a key without an app id",
		file: "accounts:\n- name: a\n  api_key_file: key\n",
		want: `accounts.yml:3: accounts[0] "a": api_key_file needs app_id or app_id_env beside it`,
	},
	{
		name: "two of a kind of credentials",
		file: "accounts:\n- name: a\n  token_file: token\n  token_env: TOKEN\n- name: b\n  api_key_env: API_KEY\n  app_id_env: APP_ID\n  app_id: b\n  api_key_file: key\n",
		want: `
accounts.yml:4: accounts[0] "a": token_env and token_file in line 3 exclude each other: keep one of them
accounts.yml:8: accounts[1] "b": app_id and app_id_env in line 7 exclude each other: keep one of them
accounts.yml:9: accounts[1] "b": api_key_file and api_key_env in line 6 exclude each other: keep one of them`,
	},
	{
		name: "credentials of both modes",
		file: "accounts:\n- name: a\n  api_key_file: key\n  token_file: token\n- name: b\n  token_env: TOKEN\n  app_id: b\n",
		want: `
accounts.yml:4: accounts[0] "a": token_file and api_key_file in line 3 exclude each other: keep one of them
accounts.yml:7: accounts[1] "b": app_id and token_env in line 6 exclude each other: keep one of them`,
	},
	{
		name: "missing secrets",
		file: "accounts:\n- {name: a, token_file: missing}\n- {name: b, token_file: empty}\n- {name: c, token_file: .}\n- {name: d, token_env: UNSET}\n- {name: e, token_env: BLANK}\n- {name: f, app_id: f, api_key_file: empty}\n",
		want: `
accounts.yml:2: accounts[0] "a": token_file cannot be read: no such file or directory; a relative path starts from this file's directory
accounts.yml:3: accounts[1] "b": token_file cannot be used: empty is empty: it must hold the secret and nothing else
accounts.yml:4: accounts[2] "c": token_file cannot be read: not a regular file; a relative path starts from this file's directory
accounts.yml:5: accounts[3] "d": token_env must be the name of an environment variable that is set and not empty
accounts.yml:6: accounts[4] "e": token_env must be the name of an environment variable that is set and not empty
accounts.yml:7: accounts[5] "f": api_key_file cannot be used: empty is empty: it must hold the secret and nothing else`,
	},
	{
		name: "secrets that fit into no header",
		file: "accounts:\n- {name: a, token_file: two words}\n- {name: b, token_env: TWO_WORDS}\n- {name: c, app_id: c c, api_key_file: key}\n",
		want: `
accounts.yml:2: accounts[0] "a": token_file cannot be used: two words: the token holds blanks: give the secret and nothing else
accounts.yml:3: accounts[1] "b": token_env names $TWO_WORDS, which holds blanks: give the secret and nothing else
accounts.yml:4: accounts[2] "c": app_id holds blanks: give the secret and nothing else`,
	},
	{
		name: "no ids",
		file: "accounts:\n- name: a\n  token_file: token\n  phones: {ids: []}\n",
		want: `accounts.yml:4: accounts[0] "a": phones.ids is empty, which selects every phone: name some, or leave it out if that is meant`,
	},
	{
		name: "no groups and no tags",
		file: "accounts:\n- name: a\n  token_file: token\n  phones: {discover: {groups: [], tags: []}}\n",
		want: `
accounts.yml:4: accounts[0] "a": phones.discover.groups is empty, which selects every phone: name some, or leave it out if that is meant
accounts.yml:4: accounts[0] "a": phones.discover.tags is empty, which selects every phone: name some, or leave it out if that is meant`,
	},
	{
		name: "ids and a selection",
		file: "accounts:\n- name: a\n  token_file: token\n  phones:\n    discover: {tags: [x]}\n    ids: [1]\n- name: b\n  token_env: TOKEN\n  phones:\n    ids_file: phones\n    discover: {}\n",
		want: `
accounts.yml:6: accounts[0] "a": phones.ids and phones.discover in line 5 exclude each other: keep one of them
accounts.yml:11: accounts[1] "b": phones.discover and phones.ids_file in line 10 exclude each other: keep one of them`,
	},
	{
		name: "a list of ids that cannot be read",
		file: "accounts:\n- name: a\n  token_file: token\n  phones: {ids_file: missing}\n- name: b\n  token_env: TOKEN\n  phones: {ids_file: .}\n",
		want: `
accounts.yml:4: accounts[0] "a": phones.ids_file cannot be read: no such file or directory; a relative path starts from this file's directory
accounts.yml:7: accounts[1] "b": phones.ids_file cannot be read: not a regular file; a relative path starts from this file's directory`,
	},
	{
		name: "lists of ids with something else in them",
		file: "accounts:\n- name: a\n  token_file: token\n  phones: {ids_file: columns}\n- name: b\n  token_env: TOKEN\n  phones: {ids_file: two words}\n",
		want: `
accounts.yml:4: accounts[0] "a": phones.ids_file cannot be used: columns:1: a phone id must be of letters, digits, dashes and underscores, has a comma; the file must hold one id a line
accounts.yml:7: accounts[1] "b": phones.ids_file cannot be used: two words:1: a phone id must be of letters, digits, dashes and underscores, has a blank; the file must hold one id a line`,
	},
	{
		name: "an id that is none",
		file: "accounts:\n- name: a\n  token_file: token\n  phones:\n    ids:\n    - 1\n    - 2 3\n",
		want: `accounts.yml:7: accounts[0] "a": phones.ids[1] is not valid: a phone id must be of letters, digits, dashes and underscores, has a blank`,
	},
	{
		name: "a label that the exporter sets",
		file: "accounts:\n- name: a\n  token_file: token\n  labels:\n    owner: x\n    account: y\n",
		want: `accounts.yml:6: accounts[0] "a": labels.account is a label that the exporter sets: choose another name`,
	},
	{
		name: "a value out of range in an account",
		file: "accounts:\n- name: a\n  token_file: token\n  billing_interval: 1m\ndefaults: {billing_interval: 2m}\n",
		want: `accounts.yml:4: accounts[0] "a": billing_interval must be at least 2m0s, is 1m0s`,
	},
	{
		name: "a value out of range in the defaults",
		file: "defaults:\n  max_staleness: 0s\naccounts:\n- {name: a, token_file: token}\n- {name: b, token_env: TOKEN}\n",
		want: `accounts.yml:2: defaults: max_staleness must be above zero, is 0s`,
	},
	{
		name: "a share of nothing in an account",
		file: "accounts:\n- name: a\n  token_file: token\n  limit_share: 0\n",
		want: `accounts.yml:4: accounts[0] "a": limit_share must be 1 to 20, is 0`,
	},
	{
		name: "a share of nothing in the defaults",
		file: "defaults:\n  limit_share: 0\naccounts:\n- {name: a, token_file: token}\n- {name: b, token_env: TOKEN, limit_share: 2}\n",
		want: `accounts.yml:2: defaults: limit_share must be 1 to 20, is 0`,
	},
	{
		name: "a ttl above the greatest staleness",
		file: "accounts:\n- name: a\n  token_file: token\n  cache_ttl: 1h\n",
		want: `accounts.yml:4: accounts[0] "a": max_staleness must be at least the cache's ttl, 1h0m0s, since statuses would come and go otherwise, is 10m0s`,
	},
	{
		name: "a staleness of the defaults below the ttl of an account",
		file: "defaults: {max_staleness: 5m}\naccounts:\n- name: a\n  token_file: token\n  cache_ttl: 6m\n- {name: b, token_env: TOKEN}\n",
		want: `accounts.yml:5: accounts[0] "a": max_staleness must be at least the cache's ttl, 6m0s, since statuses would come and go otherwise, is 5m0s`,
	},
	{
		name: "a staleness below the ttl in the defaults",
		file: "defaults:\n  cache_ttl: 6m\n  max_staleness: 5m\naccounts:\n- {name: a, token_file: token}\n",
		want: `accounts.yml:3: defaults: max_staleness must be at least the cache's ttl, 6m0s, since statuses would come and go otherwise, is 5m0s`,
	},
	{
		name: "more problems than anyone reads",
		file: "accounts:\n- name: a\n  token_file: token\n  phones:\n    ids:\n" + strings.Repeat("    - []\n", 12),
		want: `
accounts.yml:6: accounts[0] "a": phones.ids[0] must be text that is not empty
accounts.yml:7: accounts[0] "a": phones.ids[1] must be text that is not empty
accounts.yml:8: accounts[0] "a": phones.ids[2] must be text that is not empty
accounts.yml:9: accounts[0] "a": phones.ids[3] must be text that is not empty
accounts.yml:10: accounts[0] "a": phones.ids[4] must be text that is not empty
accounts.yml:11: accounts[0] "a": phones.ids[5] must be text that is not empty
accounts.yml:12: accounts[0] "a": phones.ids[6] must be text that is not empty
accounts.yml:13: accounts[0] "a": phones.ids[7] must be text that is not empty
accounts.yml:14: accounts[0] "a": phones.ids[8] must be text that is not empty
accounts.yml:15: accounts[0] "a": phones.ids[9] must be text that is not empty
accounts.yml: and 2 more`,
	},
}

func TestProblems(t *testing.T) {
	for _, test := range broken {
		t.Run(test.name, func(t *testing.T) {
			dir, file := write(t, test.file)
			accounts, err := NewFile(file, flags(), getenv).Load()
			if err == nil || accounts != nil {
				t.Fatalf("got accounts %v and error %v", accounts, err)
			}
			got := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
			if want := strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(got, "s3cret") {
				t.Error("the error holds a secret")
			}
		})
	}
}

func TestAValueFromTheFlagsIsReportedAtTheAccount(t *testing.T) {
	_, file := write(t, "accounts:\n- name: a\n  token_file: token\n")
	base := flags()
	base.Concurrency = 0
	_, err := NewFile(file, base, getenv).Load()
	const want = `:2: accounts[0] "a": concurrency must be 1 to 200, is 0`
	if err == nil || err.Error() != file+want {
		t.Errorf("got %v", err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir, file := write(t, strings.Repeat("#", maxSize+1))
	for path, want := range map[string]string{
		file:                          file + ": is larger than 4 MiB: move long lists of phones to an ids_file",
		dir:                           "open " + dir + ": not a regular file",
		filepath.Join(dir, "missing"): "stat " + filepath.Join(dir, "missing") + ": no such file or directory",
	} {
		accounts, err := NewFile(path, watch.AccountConfig{}, os.Getenv).Load()
		if err == nil || err.Error() != want || accounts != nil {
			t.Errorf("got accounts %v and error %v, want %s", accounts, err, want)
		}
	}
}

// An alias bomb is never expanded, whatever it would be.
func TestAnAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("defaults: &a0 [x]\n")
	for i := range 9 {
		b.WriteString(strings.NewReplacer("OLD", string(rune('0'+i)), "NEW", string(rune('1'+i))).
			Replace("aNEW: &aNEW [*aOLD, *aOLD, *aOLD, *aOLD, *aOLD, *aOLD, *aOLD, *aOLD, *aOLD]\n"))
	}
	b.WriteString("accounts: *a9\n")
	_, file := write(t, b.String())
	_, err := NewFile(file, flags(), getenv).Load()
	if want := file + ":1: defaults: " + writeOut; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
