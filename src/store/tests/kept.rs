//! What the house keeps is there after it was closed and opened again.
#![allow(clippy::unwrap_used, reason = "a test may")]

use serde_json::json;
use vesta_store::Store;

#[tokio::test]
async fn kept_things_are_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(store.kept("timer").await.unwrap().is_empty());
    let things = vec![("a".to_owned(), Some(json!({"name": "pasta"}))), ("b".to_owned(), Some(json!(2)))];
    store.keep("timer", things).await.unwrap();
    store.keep("list", vec![("a".to_owned(), Some(json!([])))]).await.unwrap();
    store.keep("timer", vec![("b".to_owned(), None), ("c".to_owned(), None)]).await.unwrap();
    store.close().await;

    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.kept("timer").await.unwrap(), [("a".to_owned(), json!({"name": "pasta"}))]);
    assert_eq!(store.kept("list").await.unwrap(), [("a".to_owned(), json!([]))]);
}
