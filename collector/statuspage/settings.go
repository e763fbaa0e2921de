package statuspage

import (
	"regexp"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// settings say by which name the user of this exporter sets a field of the
// configuration: the file's, or a flag's. Nil: the file's.
type settings func(field string) string

var placeholder = regexp.MustCompile(`\{[a-z_.]+\}`)

// name puts the names of settings into a text that has fields in braces.
func (s settings) name(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(field string) string {
		field = field[1 : len(field)-1]
		if s != nil {
			if name := s(field); name != "" {
				return name
			}
		}
		return field
	})
}

// credentials name what an account shows to the API.
func (s settings) credentials(c *watch.AccountConfig) string {
	text := "the account's token, or its app id and API key"
	switch source := c.Credentials.(type) {
	case geelark.TokenFile:
		text = "the token in " + string(source)
	case geelark.APIKeyFile:
		text = "the app id of {app_id} and the API key in " + source.File
	case geelark.Credentials:
		text = "the token of {token_env}"
		if source.APIKey != "" {
			text = "the app id of {app_id} and the API key of {api_key_env}"
		}
	}
	return s.name(text)
}

// isFile reports whether the account's credentials come from a file, which is read
// again and again.
func isFile(c *watch.AccountConfig) bool {
	switch c.Credentials.(type) {
	case geelark.TokenFile, geelark.APIKeyFile:
		return true
	}
	return false
}

// signs reports whether the account's requests are signed, which depends on the
// clock.
func signs(c *watch.AccountConfig) bool {
	switch source := c.Credentials.(type) {
	case geelark.APIKeyFile:
		return true
	case geelark.Credentials:
		return source.APIKey != ""
	}
	return false
}
