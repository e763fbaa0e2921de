package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// An account is one of the file's while it is decoded.
type account struct {
	*section
	config *watch.AccountConfig

	// What its credentials are made of; those in variables are values already.
	token, tokenFile, appID, apiKey, apiKeyFile string
}

// settings are the fields that the defaults have too.
func (s *section) settings(c *watch.AccountConfig) fields {
	all := make(fields)
	for _, v := range c.Settings() {
		switch to := v.Value.(type) {
		case *string:
			all[v.Field] = s.text(to)
		case *int:
			all[v.Field] = s.number(to)
		case *time.Duration:
			all[v.Field] = s.duration(to)
		}
	}
	return all
}

func (a *account) fields() fields {
	c := a.config
	all := a.settings(c)
	maps.Copy(all, fields{
		"name":         a.text(&c.Name),
		"labels":       a.mapping(fields{anyField: a.label}),
		"token_file":   a.path(&a.tokenFile),
		"token_env":    a.variable(&a.token),
		"app_id":       a.text(&a.appID),
		"app_id_env":   a.variable(&a.appID),
		"api_key_file": a.path(&a.apiKeyFile),
		"api_key_env":  a.variable(&a.apiKey),
		"phones": a.mapping(fields{
			"ids":      a.list(&c.IDs),
			"ids_file": a.path(&c.IDsFile),
			"discover": a.mapping(fields{
				"groups":      a.list(&c.Discovery.Groups),
				"tags":        a.list(&c.Discovery.Tags),
				"charge_mode": a.chargeMode(&c.Discovery.ChargeMode),
			}),
		}),
	})
	return all
}

func (a *account) label(path string, n *yaml.Node) {
	var text string
	a.text(&text)(path, n)
	if a.config.Labels == nil {
		a.config.Labels = map[string]string{}
	}
	a.config.Labels[strings.TrimPrefix(path, "labels.")] = text
}

func (a *account) chargeMode(to **geelark.ChargeMode) value {
	modes := map[string]geelark.ChargeMode{"monthly": geelark.ChargeMonthly, "per_minute": geelark.ChargePerMinute}
	return a.scalar("monthly or per_minute", func(text string) bool {
		mode, ok := modes[text]
		*to = &mode
		return ok
	})
}

// account decodes the account at index i into c.
func (d *decoder) account(i int, n *yaml.Node, c *watch.AccountConfig, defaults *section, names map[string]int) {
	a := &account{section: d.section(fmt.Sprintf("accounts[%d]", i), n.Line), config: c}
	if !a.is(yaml.MappingNode, "", n, mustBeAMap) {
		return
	}
	for j := 0; j < len(n.Content); j += 2 {
		if key, v := n.Content[j], n.Content[j+1]; key.Value == "name" && v.Kind == yaml.ScalarNode && v.Value != "" {
			a.title += " " + strconv.Quote(v.Value)
			break
		}
	}
	a.decode("", n, a.fields())
	a.checkPhones()
	a.checkName(names)
	a.setCredentials()
	a.validate(defaults)
}

func (a *account) checkName(lines map[string]int) {
	if !a.given("name") {
		a.problem("", "has no name: give it one, which becomes the label account")
	}
	name := a.config.Name
	switch line, taken := lines[name]; {
	case taken:
		a.problem("name", fmt.Sprintf("is that of the account in line %d too: choose another", line))
	case name != "":
		lines[name] = a.lines["name"]
	}
}

// checkPhones reports contradictions in what selects the phones.
func (a *account) checkPhones() {
	const ids, file, discover = "phones.ids", "phones.ids_file", "phones.discover"
	for _, path := range a.empty {
		if path != ids || !a.given(file) && !a.given(discover) {
			a.problem(path, "is empty, which selects every phone: name some, or leave it out if that is meant")
		}
	}
	if a.given(discover) {
		if a.given(file) {
			a.exclude(file, discover)
		} else if a.given(ids) && !slices.Contains(a.empty, ids) {
			a.exclude(ids, discover)
		}
	}
	if name := a.config.IDsFile; name != "" && !a.watched[name] {
		a.reads = append(a.reads, reading{
			a.section,
			func(ctx context.Context) error { _, err := watch.ReadIDs(ctx, name); return err },
			func(err error) (string, string) { return file, cannot(err) },
		})
	}
}

// setCredentials sets the source of the account's credentials.
func (a *account) setCredentials() {
	token := a.either("token_file", "token_env")
	id := a.either("app_id", "app_id_env")
	key := a.either("api_key_file", "api_key_env")
	switch {
	case token != "" && (id != "" || key != ""):
		a.exclude(token, cmp.Or(id, key))
	case token == "" && id == "" && key == "":
		a.problem("", "has no credentials: give token_file or token_env, or app_id with api_key_file or api_key_env")
	case token == "" && key == "":
		a.problem(id, "needs api_key_file or api_key_env beside it")
	case token == "" && id == "":
		a.problem(key, "needs app_id or app_id_env beside it")
	}

	var source geelark.CredentialSource
	switch {
	case a.tokenFile != "":
		source = geelark.TokenFile(a.tokenFile)
	case a.token != "":
		source = geelark.Credentials{Token: geelark.Secret(a.token)}
	case a.appID != "" && a.apiKeyFile != "":
		source = geelark.APIKeyFile{AppID: a.appID, File: a.apiKeyFile}
	case a.appID != "" && a.apiKey != "":
		source = geelark.Credentials{AppID: a.appID, APIKey: geelark.Secret(a.apiKey)}
	default:
		return // after a problem
	}
	a.config.Credentials = source
	a.reads = append(a.reads, reading{
		a.section,
		func(ctx context.Context) error { _, err := source.Credentials(ctx); return err },
		func(err error) (string, string) {
			what, ok := errors.AsType[*geelark.SecretError](err)
			switch {
			case ok && what.Part == geelark.PartAppID:
				return id, what.Found
			case ok && a.variables[cmp.Or(token, key)] != "":
				return cmp.Or(token, key), "names $" + a.variables[cmp.Or(token, key)] + ", which " + what.Found
			}
			return cmp.Or(token, key), cannot(err)
		},
	})
}

// either returns which of two fields is given and reports when both are.
func (a *account) either(x, y string) string {
	if a.given(x) && a.given(y) {
		a.exclude(x, y)
	}
	switch {
	case a.given(x):
		return x
	case a.given(y):
		return y
	}
	return ""
}

// validate reports the first value that the collector would refuse, where it
// was given: in the account, in the defaults, or neither.
func (a *account) validate(defaults *section) {
	if a.config.Name == "" {
		return // after a problem
	}
	err := a.config.Validate()
	if err == nil {
		return
	}
	path := ""
	if field, ok := errors.AsType[*watch.FieldError](err); ok {
		path, err = field.Field, field.Err
	}
	for _, at := range []*section{a.section, defaults} {
		for _, given := range []string{path, beside[path]} {
			if given != "" && at.given(given) {
				at.reportIn(at.lines[given], path+" "+err.Error())
				return
			}
		}
	}
	a.problem(path, err.Error())
}

// beside are the fields with which others must agree.
var beside = map[string]string{watch.FieldMaxStaleness: watch.FieldCacheTTL}

// cannot puts the error about a file into words. A path that does not lead to a
// file may be the secret itself and is not repeated.
func cannot(err error) string {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf("cannot be read: %v; a relative path starts from this file's directory", failed.Err)
	}
	return "cannot be used: " + err.Error()
}
