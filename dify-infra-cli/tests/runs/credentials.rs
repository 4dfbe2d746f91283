//! Signing in, from the variables to the first answer of Azure: a certificate, a managed identity, and
//! what is said when nothing is set up.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};

use dify_infra_emulator::DEFAULT_TENANT;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::place::{INFRA, Place, Ran};

const FILE: &str = include_str!("../../../examples/minimal.toml");

/// `dify-infra emulate`, until this goes out of scope.
struct Emulator {
    process: Child,
    endpoint: String,
}

impl Emulator {
    fn start(place: &Place) -> Self {
        let mut command = place.command(INFRA);
        command.args(["emulate", "--listen", "127.0.0.1:0", "--quiet"]);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let endpoint = lines.find_map(|line| {
            let line = line.unwrap();
            Some(line.strip_prefix("export DIFY_INFRA_ENDPOINT=")?.to_owned())
        });
        Self {
            process,
            endpoint: endpoint.unwrap(),
        }
    }

    /// A plan at this Azure.
    fn plan(&self, place: &Place, auth: &str) -> Command {
        let mut command = place.command(INFRA);
        command.args(["plan", "--endpoint", &self.endpoint, "--auth", auth]);
        command
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

#[test]
fn a_certificate_signs_in_and_a_refusal_is_told() {
    let place = Place::new(FILE);
    let emulator = Emulator::start(&place);
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let parameters = CertificateParams::new(vec!["deployer".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    let both = format!("{certificate}{}", key.serialize_pem());
    place.write("deployer.pem", &both);
    let plan = |tenant: &str| {
        let mut command = emulator.plan(&place, "client-certificate");
        command
            .env("AZURE_TENANT_ID", tenant)
            .env("AZURE_CLIENT_ID", "22222222-2222-4222-8222-222222222222")
            .env("AZURE_CLIENT_CERTIFICATE_PATH", "deployer.pem")
            .env("AZURE_AUTHORITY_HOST", &emulator.endpoint);
        run(&mut command)
    };
    let planned = plan(DEFAULT_TENANT).exits(0);
    assert!(
        planned.stdout.contains("dify-dev-api"),
        "{}",
        planned.stdout
    );
    let refused = plan("contoso.com").exits(1);
    let said = "client certificate: AADSTS90002: Tenant 'contoso.com' not found";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert!(!refused.stderr.contains("PRIVATE"), "{}", refused.stderr);

    place.write("deployer.pem", &certificate);
    let refused = plan(DEFAULT_TENANT).exits(1);
    assert!(
        refused.stderr.contains("it has no private key"),
        "{}",
        refused.stderr
    );
}

/// What Container Apps and App Service offer to a container that has an identity: one answer for
/// every request, and what was asked.
fn platform() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &sender);
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream, asked: &Sender<String>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    let _ = asked.send(String::from_utf8(head).unwrap());
    let body = r#"{"access_token": "from-the-platform", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}"#;
    let length = body.len();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: \
         close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_identity_of_a_container_signs_in() {
    let place = Place::new(FILE);
    let emulator = Emulator::start(&place);
    let (address, asked) = platform();
    let mut command = emulator.plan(&place, "managed-identity");
    command
        .env("IDENTITY_ENDPOINT", &address)
        .env("IDENTITY_HEADER", "canary-of-the-platform")
        .env("AZURE_CLIENT_ID", "an-identity");
    let planned = run(&mut command).exits(0);
    assert!(
        planned.stdout.contains("dify-dev-api"),
        "{}",
        planned.stdout
    );
    let head = asked.recv().unwrap();
    let resource = emulator.endpoint.replace(':', "%3A").replace('/', "%2F");
    let line =
        format!("GET /msi/token?api-version=2019-08-01&resource={resource}&client_id=an-identity ");
    assert!(head.starts_with(&line), "{head}");
    assert!(
        head.contains("x-identity-header: canary-of-the-platform"),
        "{head}"
    );
    let said = format!("{}{}", planned.stdout, planned.stderr);
    assert!(
        !said.contains("canary") && !said.contains("from-the-platform"),
        "{said}"
    );
}

#[test]
fn without_credentials_every_source_is_named_with_its_reason() {
    let place = Place::new(FILE);
    let mut command = place.command(INFRA);
    command
        .args(["plan", "--endpoint", "https://azure.invalid"])
        .env("PATH", "/nowhere")
        .env("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")
        .env("AZURE_TENANT_ID", "contoso.com")
        .env("AZURE_CLIENT_ID", "22222222-2222-4222-8222-222222222222");
    let ran = run(&mut command).exits(1);
    let said: Vec<&str> = ran.stderr.split_whitespace().collect();
    let said = said.join(" ");
    for line in [
        "token: DIFY_INFRA_TOKEN is not set",
        "client secret: AZURE_CLIENT_SECRET is not set",
        "client certificate: AZURE_CLIENT_CERTIFICATE_PATH is not set",
        "workload identity: the token file /nowhere/token gives no token: it can't be read",
        "managed identity: IDENTITY_ENDPOINT is not set",
        "Azure CLI: `az` is not installed, or not on the PATH",
    ] {
        assert!(said.contains(line), "{line}\n{}", ran.stderr);
    }
}
