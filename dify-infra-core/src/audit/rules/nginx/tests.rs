use super::*;
use crate::audit::Platform;

fn inventory(files: &[(&str, &str)]) -> Inventory {
    let mut inventory = Inventory::new(Platform::Compose);
    for (path, text) in files {
        inventory.files.push(TextFile {
            kind: FileKind::Nginx,
            text: (*text).to_owned(),
            path: Some((*path).to_owned()),
            place: Place::document(path),
            workload: None,
        });
    }
    inventory
}

#[test]
fn what_nginx_forwards_to_is_read_as_nginx_does() {
    let text = "# proxy_pass http://comment:1;\nupstream pool { server api:5001 weight=2; server unix:/run/x; }\n\
                map $http_upgrade $connection { default upgrade; '' close; server api:9; }\n\
                server {\n  listen 80; server_name x;\n  location / {\n    set $port 3000;\n    \
                set $up http://web:$port;\n    proxy_pass $up; # not http://here:1\n  }\n  \
                location /a { proxy_pass\n      http://pool/x; }\n  location /b { proxy_pass http://$host; }\n  \
                location /c { set $up api:5002; proxy_pass http://$up/c; }\n  \
                location /d { proxy_pass http://${API}:5001; }\n  set $a $a$a$a; \
                location /e { proxy_pass http://$a; } }\nstream { server { proxy_pass db:5432; } }";
    let inventory = inventory(&[("nginx.conf", text)]);
    let told: Vec<_> = forwards(&inventory)
        .into_iter()
        .map(|(_, it)| (it.line, it.url))
        .collect();
    let expected = [
        (1, "http://api:5001"),
        (8, "http://web:3000"),
        (13, "http://api:5002/c"),
        (16, "tcp://db:5432"),
    ];
    assert_eq!(told, expected.map(|(line, url)| (line, url.to_owned())));
}

#[test]
fn a_variable_is_what_the_blocks_around_set_it_to() {
    let text = "server { set $up api; location /a { set $up web; proxy_pass http://$up:1; }\n\
                location /b { proxy_pass http://$up:2; }\nlocation /c { proxy_pass http://$up$suffix:3; } }";
    let inventory = inventory(&[("nginx.conf", text)]);
    let nginx = all(&inventory);
    let told: Vec<_> = nginx[0]
        .passes()
        .iter()
        .flat_map(|it| &it.forwards)
        .map(|it| (it.url.clone(), it.is_whole))
        .collect();
    let expected = [
        ("http://web:1", true),
        ("http://api:2", true),
        ("http://api", false),
    ];
    assert_eq!(
        told,
        expected.map(|(url, is_whole)| (url.to_owned(), is_whole))
    );
}

/// What is in force at each `proxy_pass`: its location, the value, and where the value stands.
fn in_force(files: &[(&str, &str)]) -> Vec<String> {
    let inventory = inventory(files);
    let nginx = all(&inventory);
    let [nginx] = nginx.as_slice() else {
        panic!("one nginx");
    };
    let passes = nginx.passes();
    let told = passes.iter().map(|pass| {
        let said = nginx.setting(pass, "client_max_body_size");
        let said = said.map(|it| format!("{} {}", it.value, it.place));
        let location = nginx.location(pass).unwrap_or_default();
        format!("{location}: {}", said.unwrap_or_default())
    });
    told.collect()
}

#[test]
fn a_setting_is_that_of_the_innermost_block() {
    let text = "http { client_max_body_size 1M;\n server { client_max_body_size 2M;\n\
                location /a { if ($x) { proxy_pass http://a; } client_max_body_size 3M; }\n\
                location /b { proxy_pass http://b; } }\nserver { location = /c { proxy_pass http://c; } } }";
    assert_eq!(
        in_force(&[("nginx.conf", text)]),
        [
            "/a: 3M nginx.conf:3:1",
            "/b: 2M nginx.conf:2:1",
            "= /c: 1M nginx.conf:1:1"
        ]
    );
}

#[test]
fn included_files_stand_where_they_are_included() {
    let main = "http { client_max_body_size 9M;\ninclude /etc/nginx/conf.d/*.conf; }";
    let site = "server { location /a { proxy_pass http://a; include proxy.conf; }\n\
                location /b { proxy_pass http://b; } }";
    let proxy = "client_max_body_size 1M;";
    for names in [
        [
            "/etc/nginx/nginx.conf",
            "/etc/nginx/conf.d/default.conf",
            "/etc/nginx/proxy.conf",
        ],
        [
            "/etc/nginx/nginx.conf.template",
            "/etc/nginx/templates/default.conf.template",
            "/etc/nginx/proxy.conf.template",
        ],
        ["nginx.conf", "conf.d/default.conf", "proxy.conf"],
    ] {
        let files = [(names[0], main), (names[1], site), (names[2], proxy)];
        let expected = [
            format!("/a: 1M {}:1:1", names[2]),
            format!("/b: 9M {}:1:1", names[0]),
        ];
        assert_eq!(in_force(&files), expected, "{names:?}");
    }
    // A file of another name is not included; that its servers stand in `http` is certain all the same.
    let files = [("/etc/nginx/nginx.conf", main), ("/srv/other", site)];
    assert_eq!(in_force(&files).len(), 2);
    assert!(in_force(&files)[1].starts_with("/b: 9M"));
}

#[test]
fn files_that_include_each_other_are_read_once_each() {
    let files = [
        ("a.conf", "include b.conf; proxy_pass http://a;"),
        ("b.conf", "include a.conf;"),
    ];
    let told = in_force(&files);
    assert!(!told.is_empty() && told.len() < 20, "{told:?}");
}

#[test]
fn a_file_that_is_included_without_measure_is_no_burden() {
    let wide = "include b.conf;".repeat(1000);
    let more = "include c.conf;".repeat(1000);
    let files = [
        ("a.conf", wide.as_str()),
        ("b.conf", more.as_str()),
        ("c.conf", "proxy_pass http://a;"),
    ];
    assert!(in_force(&files).len() <= MOST_STATEMENTS);
}

#[test]
fn headers_of_a_block_replace_those_around_it() {
    let text = "server { proxy_set_header Host $host;\nlocation /a { proxy_pass http://a; }\n\
                location /b { proxy_set_header X-Forwarded-Host $host; proxy_pass http://b; }\n\
                location /c { proxy_set_header host c; proxy_pass http://c; } }";
    let inventory = inventory(&[("nginx.conf", text)]);
    let nginx = &all(&inventory)[0];
    let told: Vec<_> = nginx
        .passes()
        .iter()
        .map(|it| nginx.host_header(it))
        .collect();
    assert_eq!(told, [Some("$host"), None, Some("c")]);
}
