"""The configuration: from a YAML file, or from the environment alone, to frozen values that `build` reads."""
