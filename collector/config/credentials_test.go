package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"geelark_exporter/geelark"
)

func TestCredentialsOfFlagsAndVariables(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, odd, missing := file("good", "s3cret\n"), file("odd", "s3cret s3cret"), filepath.Join(dir, "missing")
	const alone, together = "--geelark.token-file must stand alone", "--geelark.api-key-file goes with --geelark.app-id and with neither"
	for name, tt := range map[string]struct {
		token, apiKey                string // variables
		tokenFile, appID, apiKeyFile string
		want                         geelark.CredentialSource
		wrong                        string // how the error begins
	}{
		"a token":                    {token: " s3cret\n", want: geelark.Credentials{Token: "s3cret"}},
		"a token file":               {tokenFile: good, want: geelark.TokenFile(good)},
		"an app id and a key":        {appID: " app ", apiKey: "s3cret", want: geelark.Credentials{AppID: "app", APIKey: "s3cret"}},
		"an app id and a key file":   {appID: " app ", apiKeyFile: good, want: geelark.APIKeyFile{AppID: "app", File: good}},
		"nothing":                    {wrong: "no credentials: set $GEELARK_TOKEN"},
		"blanks":                     {token: " ", apiKey: "\n", wrong: "no credentials: set $GEELARK_TOKEN"},
		"a token and a token file":   {token: "s3cret", tokenFile: good, wrong: alone},
		"an app id and a token file": {appID: "app", tokenFile: good, wrong: alone},
		"a key and a token file":     {apiKey: "s3cret", tokenFile: good, wrong: alone},
		"both kinds of files":        {tokenFile: good, apiKeyFile: good, wrong: alone},
		"a token and a key file":     {token: "s3cret", appID: "app", apiKeyFile: good, wrong: together},
		"a key and a key file":       {apiKey: "s3cret", appID: "app", apiKeyFile: good, wrong: together},
		"a key file alone":           {apiKeyFile: good, wrong: together},
		"a token and a key":          {token: "s3cret", apiKey: "s3cret", appID: "app", wrong: "credentials: "},
		"a key alone":                {apiKey: "s3cret", wrong: "credentials: "},
		"an app id alone":            {appID: "app", wrong: "credentials: "},
		"an odd token":               {token: "s3cret s3cret", wrong: "$GEELARK_TOKEN holds blanks"},
		"an odd token in a file":     {tokenFile: odd, wrong: "--geelark.token-file: " + odd + ": "},
		"an odd key":                 {appID: "app", apiKey: "s3cret s3cret", wrong: "$GEELARK_API_KEY holds blanks"},
		"an odd key in a file":       {appID: "app", apiKeyFile: odd, wrong: "--geelark.api-key-file: " + odd + ": "},
		"an odd app id":              {appID: "app app", apiKey: "s3cret", wrong: "--geelark.app-id holds blanks"},
		"an odd app id, a key file":  {appID: "app app", apiKeyFile: good, wrong: "--geelark.app-id holds blanks"},
		"a token file that is not":   {tokenFile: missing, wrong: "--geelark.token-file: stat " + missing},
		"a key file that is not":     {appID: "app", apiKeyFile: missing, wrong: "--geelark.api-key-file: stat " + missing},
	} {
		t.Run(name, func(t *testing.T) {
			getenv := func(name string) string {
				return map[string]string{"GEELARK_TOKEN": tt.token, "GEELARK_API_KEY": tt.apiKey}[name]
			}
			got, err := Credentials(t.Context(), getenv, tt.tokenFile, tt.appID, tt.apiKeyFile)
			switch {
			case tt.wrong == "" && (err != nil || got != tt.want):
				t.Errorf("got %T, %v, want %T", got, err, tt.want)
			case tt.wrong != "" && (err == nil || got != nil || !strings.HasPrefix(err.Error(), tt.wrong) || strings.Contains(err.Error(), "s3cret")):
				t.Errorf("got %T, %v, want %s", got, err, tt.wrong)
			}
		})
	}
}
