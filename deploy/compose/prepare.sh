#!/bin/sh
# Make what compose.yaml mounts, from the repository's root: secrets, and settings to begin with.
# What is there already stays as it is: another link secret would break every link that was sent.
set -eu
cd "$(dirname "$0")/../.."

folder=var/secrets
mkdir -p "$folder"
# The folder is closed to others. The files are not, or the containers' user could not read them.
chmod 700 "$folder"

keep() { # a name; the value comes by standard input
    [ -e "$folder/$1" ] && return
    cat >"$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "$folder/$1 is written."
}

random() {
    od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

random 24 | keep postgres_password
echo "postgresql+psycopg://sekvens:$(cat "$folder/postgres_password")@postgres:5432/sekvens" | keep database_url
random 32 | keep link_secret
echo "wk_$(random 16)" | keep write_keys
# Amazon's, for the workers. A local SES takes no key at all.
printf '[default]\naws_access_key_id = local\naws_secret_access_key = local\n' | keep aws_credentials

if [ ! -e sekvens.toml ]; then
    cp sekvens/sample_shop/sekvens.toml sekvens.toml
    echo "sekvens.toml is the sample shop's, with a local SES: make it yours."
fi
