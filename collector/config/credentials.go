package config

import (
	"context"
	"errors"
	"fmt"

	"geelark_exporter/geelark"
)

// Credentials returns the source of the credentials of an exporter of one account,
// which flags and variables name, after a first look at it. An error names the flag
// or the variable and shows no secret.
func Credentials(ctx context.Context, getenv func(string) string, tokenFile, appID, apiKeyFile string) (geelark.CredentialSource, error) {
	// White space and byte order marks around them count for nothing.
	fixed := geelark.Credentials{Token: geelark.Secret(getenv("GEELARK_TOKEN")), AppID: appID, APIKey: geelark.Secret(getenv("GEELARK_API_KEY"))}.Trimmed()
	var source geelark.CredentialSource = fixed
	switch {
	case tokenFile != "" && (fixed != geelark.Credentials{} || apiKeyFile != ""):
		return nil, errors.New("--geelark.token-file must stand alone: drop $GEELARK_TOKEN, --geelark.app-id, $GEELARK_API_KEY and --geelark.api-key-file, or drop it")
	case tokenFile != "":
		source = geelark.TokenFile(tokenFile)
	case apiKeyFile != "" && (fixed.Token != "" || fixed.APIKey != "" || fixed.AppID == ""):
		return nil, errors.New("--geelark.api-key-file goes with --geelark.app-id and with neither $GEELARK_API_KEY nor $GEELARK_TOKEN")
	case apiKeyFile != "":
		source = geelark.APIKeyFile{AppID: fixed.AppID, File: apiKeyFile}
	case fixed == geelark.Credentials{}:
		return nil, errors.New("no credentials: set $GEELARK_TOKEN or --geelark.token-file, or --geelark.app-id with $GEELARK_API_KEY or --geelark.api-key-file; --demo needs none")
	}
	_, err := source.Credentials(ctx)
	if err == nil {
		return source, nil
	}
	from := "credentials"
	switch {
	case tokenFile != "":
		from = "--geelark.token-file"
	case apiKeyFile != "":
		from = "--geelark.api-key-file"
	}
	if what, ok := errors.AsType[*geelark.SecretError](err); ok {
		switch {
		case what.Part == geelark.PartAppID:
			return nil, errors.New("--geelark.app-id " + what.Found)
		case what.Part == geelark.PartToken && tokenFile == "":
			return nil, errors.New("$GEELARK_TOKEN " + what.Found)
		case what.Part == geelark.PartAPIKey && apiKeyFile == "":
			return nil, errors.New("$GEELARK_API_KEY " + what.Found)
		}
	}
	return nil, fmt.Errorf("%s: %w", from, err)
}
