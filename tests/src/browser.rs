//! Signs in as a browser does.

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::server::Server;

/// A browser: it keeps its cookie, and says which page a request comes from.
pub struct Browser {
    http: Client,
    url: String,
    /// `name=value`; `None` where nobody is signed in.
    pub cookie: Option<String>,
}

impl Browser {
    /// A browser that opened this server; nobody is signed in.
    pub fn new(server: &Server) -> Self {
        Self { http: Client::builder().no_proxy().build().unwrap(), url: server.url.clone(), cookie: None }
    }

    /// A request of a page of the server's own.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).header(ORIGIN, &self.url);
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    /// Signs in by a link such as `/welcome#…`.
    pub async fn enter(server: &Server, path: &str, name: Option<&str>) -> Self {
        let mut browser = Self::new(server);
        let secret = path.strip_prefix("/welcome#").expect("the secret stands behind the #");
        let response = browser.post("/api/auth/accept", &json!({ "secret": secret, "name": name })).await;
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        browser.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        browser
    }

    /// The first owner.
    pub async fn owner(server: &Server) -> Self {
        let welcome = answer(server.http().post(format!("{}/api/welcome", server.url)).json(&json!({}))).await;
        Self::enter(server, welcome["path"].as_str().unwrap(), Some("Ida")).await
    }

    /// Somebody whom this owner invites.
    pub async fn invited(&self, server: &Server, name: &str, role: &str) -> Self {
        let invited = self.post("/api/invites", &json!({ "role": role })).await;
        assert_eq!(invited.status(), StatusCode::CREATED);
        let invited: Value = invited.json().await.unwrap();
        Self::enter(server, invited["path"].as_str().unwrap(), Some(name)).await
    }

    /// Who is signed in; null for nobody.
    pub async fn caller(&self) -> Value {
        self.get("/api/auth").await.json::<Value>().await.unwrap()["caller"].clone()
    }
}

/// The JSON of a request that works.
pub async fn answer(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{}: {:?}", response.status(), response.text().await);
    response.json().await.unwrap()
}
